/* The parts of the tokenizer: UTF-8, the byte alphabet, classes of code points, NFC, merging. */
#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/random.h"
#include "base/utf8.h"
#include "test_support.h"
#include "text/bpe.h"
#include "text/byte_alphabet.h"
#include "text/normalize.h"
#include "text/pattern.h"
#include "text/unicode.h"

static void check_repair(const char *bytes, const char *expected) {
    char output[64];
    size_t n_byte = strlen(bytes);
    for (size_t split = 0; split <= n_byte; split++) {
        struct dm_utf8_stream stream = {0};
        size_t n = dm_utf8_stream_push(&stream, bytes, split, output);
        n += dm_utf8_stream_push(&stream, bytes + split, n_byte - split, output + n);
        n += dm_utf8_stream_finish(&stream, output + n);
        output[n] = '\0';
        assert_string_equal(output, expected);
    }
}

#define R "\xef\xbf\xbd"

static void test_repair(void **state) {
    (void)state;
    check_repair("", "");
    check_repair("a\u00e9\u4e2d\U0001f600z", "a\u00e9\u4e2d\U0001f600z");
    check_repair("\x80z", R "z");
    check_repair("\xc0\xaf", R R);             /* over-long */
    check_repair("\xe0\x80\xaf", R R R);       /* over-long */
    check_repair("\xed\xa0\x80", R R R);       /* a surrogate */
    check_repair("\xf4\x90\x80\x80", R R R R); /* above U+10FFFF */
    check_repair("\xe4\xb8z", R "z");          /* one for the longest start of a character */
    check_repair("\xf0\x9f\x98", R);
    check_repair("\xf0\x9f\x98\xe4\xb8\xad", R "\u4e2d");
    check_repair("\xe4\xe4\xb8\xad\xff", R "\u4e2d" R);
}

static void test_valid_prefix(void **state) {
    (void)state;
    const char text[] = "0123456789\u00e9 abcdefgh \U0001f600 \u4e2d";
    size_t n_byte = sizeof text - 1, whole = 0;
    for (size_t n = 0; n <= n_byte; n++) {
        if (n == n_byte || ((unsigned char)text[n] & 0xc0) != 0x80)
            whole = n;
        assert_int_equal(dm_utf8_valid_prefix(text, n), whole);
    }
}

static void test_alphabet(void **state) {
    (void)state;
    bool seen[256] = {false};
    int n_seen = 0;
    for (uint32_t code_point = 0; code_point < 0x400; code_point++) {
        int byte = dm_alphabet_byte(code_point);
        if (byte < 0)
            continue;
        assert_false(seen[byte]);
        seen[byte] = true;
        n_seen++;
    }
    assert_int_equal(n_seen, 256);
    assert_int_equal(dm_alphabet_byte('A'), 'A');
    assert_int_equal(dm_alphabet_byte(0x100), 0);
    assert_int_equal(dm_alphabet_byte(0x120), ' ');
    assert_int_equal(dm_alphabet_byte(0x143), 0xad);
}

static bool listed(const json_t *ranges, size_t *next, json_int_t code_point) {
    while (*next < json_array_size(ranges) &&
           json_integer_value(json_array_get(json_array_get(ranges, *next), 1)) < code_point)
        (*next)++;
    const json_t *range = json_array_get(ranges, *next);
    return range && json_integer_value(json_array_get(range, 0)) <= code_point;
}

/* Whether `before` and the code point are one word. */
static bool joins(const struct dm_pattern *pattern, struct dm_pattern_scan *scan, char before,
                  int32_t code_point) {
    char text[8] = {before};
    size_t at, end,
        n_byte = 1 + (size_t)utf8proc_encode_char(code_point, (utf8proc_uint8_t *)text + 1);
    assert_int_equal(dm_pattern_find(scan, pattern, text, n_byte, false, 0, &at, &end, NULL),
                     DM_OK);
    assert_int_equal(at, 0);
    return end == n_byte;
}

/* Every code point is what the oracle takes it for. */
static void test_code_points(void **state) {
    (void)state;
    json_t *classes;
    assert_int_equal(dm_json_read(test_data("tokenizer/code_points.json"), &classes, NULL), DM_OK);
    const json_t *letters = json_object_get(classes, "letters"),
                 *numbers = json_object_get(classes, "numbers"),
                 *spaces = json_object_get(classes, "spaces"),
                 *words = json_object_get(classes, "words");
    struct dm_pattern pattern;
    struct dm_pattern_scan scan;
    assert_int_equal(
        dm_pattern_open(&pattern, dm_pattern_gpt2, strlen(dm_pattern_gpt2), "GPT-2", NULL), DM_OK);
    assert_int_equal(dm_pattern_scan_open(&scan, NULL), DM_OK);
    size_t letter = 0, number = 0, space = 0, word = 0, n_letter = 0;
    for (int32_t c = 0; c < 0x110000; c++) {
        if (c == 0xd800)
            c = 0xe000;
        bool is_letter = listed(letters, &letter, c), is_number = listed(numbers, &number, c),
             is_space = listed(spaces, &space, c);
        n_letter += is_letter;
        if (joins(&pattern, &scan, 'a', c) != is_letter ||
            joins(&pattern, &scan, '1', c) != is_number ||
            joins(&pattern, &scan, '!', c) == (is_letter || is_number || is_space) ||
            dm_unicode_is_space((uint32_t)c) != is_space ||
            dm_unicode_is_word((uint32_t)c) != listed(words, &word, c))
            fail_msg("U+%04X is in another class", (unsigned)c);
    }
    assert_true(n_letter > 141000);
    dm_pattern_scan_close(&scan);
    dm_pattern_close(&pattern);
    json_decref(classes);
}

/* The code point decomposed as far as it goes; the number of its parts. */
static size_t decompose(int32_t code_point, int32_t parts[8]) {
    int unused = 0;
    utf8proc_ssize_t n = utf8proc_decompose_char(
        code_point, parts, 8, (utf8proc_option_t)(UTF8PROC_DECOMPOSE | UTF8PROC_STABLE), &unused);
    assert_true(n >= 1 && n <= 8);
    return (size_t)n;
}

/* No character that starts afresh begins with one that moves, or that is the second of any pair that
 * composes: these are what composed characters end with, and the later letters of Hangul. */
static void test_starts_afresh(void **state) {
    (void)state;
    bool *seconds = calloc(0x110000, sizeof *seconds);
    int32_t parts[8];
    size_t n_second = 0, n_afresh = 0;
    for (int32_t c = 0; c < 0x110000; c++) {
        size_t n = c >= 0xd800 && c < 0xe000 ? 1 : decompose(c, parts);
        if (n < 2 ||
            utf8proc_normalize_utf32(parts, (utf8proc_ssize_t)n,
                                     (utf8proc_option_t)(UTF8PROC_COMPOSE | UTF8PROC_STABLE)) != 1)
            continue;
        decompose(c, parts);
        n_second += !seconds[parts[n - 1]];
        seconds[parts[n - 1]] = true;
    }
    for (int32_t c = 0x1160; c < 0x1200; c++)
        seconds[c] = true;
    assert_true(n_second > 90);
    for (int32_t c = 0; c < 0x110000; c++) {
        if ((c >= 0xd800 && c < 0xe000) || !dm_unicode_starts_afresh((uint32_t)c))
            continue;
        n_afresh++;
        decompose(c, parts);
        if (!dm_unicode_is_wall((uint32_t)c) &&
            (seconds[parts[0]] || utf8proc_get_property(parts[0])->combining_class))
            fail_msg("U+%04X does not start afresh", (unsigned)c);
    }
    assert_true(n_afresh > 1100000); /* all but some 2,500 marks and 160 letters */
    assert_true(dm_unicode_starts_afresh(0x4e2d) && dm_unicode_starts_afresh(0xac00));
    free(seconds);
}

static void check_nfc(const char *text, const char *expected) {
    struct dm_normalizer scratch = {0};
    const char *normal;
    size_t n_normal;
    assert_true(dm_normalize_nfc(&scratch, text, strlen(text), &normal, &n_normal));
    assert_int_equal(n_normal, strlen(expected));
    assert_memory_equal(normal, expected, n_normal);
    dm_normalizer_close(&scratch);
}

static void test_nfc(void **state) {
    (void)state;
    check_nfc("", "");
    check_nfc("plain \u00e9", "plain \u00e9");
    check_nfc("e\u0301 ne\u0301e", "\u00e9 n\u00e9e");
    check_nfc("\u0301", "\u0301");
    check_nfc("q\u0307\u0323\u0307", "q\u0323\u0307\u0307"); /* sorted, stable */
    check_nfc("a\u0327\u0301\u0316", "\u00e1\u0327\u0316");  /* the acute composes across both */
    check_nfc("\u212b\u2126", "\u00c5\u03a9");
    check_nfc("\u1112\u1161\u11ab\u1100\u1161", "\ud55c\uac00");
    check_nfc("\uac00\u11a7\u11a8", "\uac00\u11a7\u11a8");
    check_nfc("\u0958", "\u0915\u093c");         /* excluded from composition */
    check_nfc("e\u07fd\u0301", "e\u07fd\u0301"); /* U+07FD came after Unicode 9 */
    check_nfc("\U00011935\U00011930", "\U00011935\U00011930");
}

/* Merging as its definition says, one scan for each merge. */
static size_t merge_slowly(const struct dm_merge *merges, size_t n_merge, int32_t *ids, size_t n) {
    for (;;) {
        const struct dm_merge *best = NULL;
        size_t place = 0;
        for (size_t i = 0; i + 1 < n; i++)
            for (size_t m = 0; m < n_merge && (!best || merges[m].rank < best->rank); m++)
                if (merges[m].left == ids[i] && merges[m].right == ids[i + 1]) {
                    best = &merges[m];
                    place = i;
                }
        if (!best)
            return n;
        ids[place] = best->merged;
        memmove(ids + place + 1, ids + place + 2, (n - place - 2) * sizeof *ids);
        n--;
    }
}

static void test_merging(void **state) {
    (void)state;
    enum { n_letter = 5, n_merge = 16, longest = 24, n_word = 3000 };
    size_t n_cut = 0;
    struct dm_random random;
    dm_random_seed(&random, 7);
    struct dm_bpe bpe = {.unknown = -1};
    struct dm_merge merges[n_merge];
    struct dm_text
        texts[n_letter + n_merge]; /* the first and the last letter are all that counts */
    char spelled[n_letter + n_merge][2];
    assert_true(dm_bpe_open(&bpe, n_letter, n_merge));
    for (int32_t i = 0; i < n_letter + n_merge; i++)
        texts[i] = (struct dm_text){spelled[i], 2};
    for (int32_t i = 0; i < n_letter; i++) {
        spelled[i][0] = spelled[i][1] = (char)('a' + i);
        dm_string_table_put(&bpe.vocabulary, spelled[i], 1, i);
    }
    dm_bpe_index(&bpe);
    for (int32_t m = 0; m < n_merge; m++) {
        struct dm_merge merge = {.merged = n_letter + m, .rank = (uint32_t)m};
        uint64_t n_known = (uint64_t)n_letter + (uint64_t)m;
        bool known = true;
        while (known) {
            merge.left = (int32_t)dm_random_below(&random, n_known);
            merge.right = (int32_t)dm_random_below(&random, n_known);
            known = false;
            for (int32_t k = 0; k < m; k++)
                known |= merges[k].left == merge.left && merges[k].right == merge.right;
        }
        merges[m] = merge;
        spelled[merge.merged][0] = spelled[merge.left][0];
        spelled[merge.merged][1] = spelled[merge.right][1];
        dm_bpe_add_merge(&bpe, merge, texts[merge.left], texts[merge.right]);
    }
    struct dm_bpe_scratch scratch = {0};
    struct dm_ids ids = {0};
    for (int w = 0; w < n_word; w++) {
        char word[longest];
        int32_t expected[longest];
        size_t n_byte = 1 + (size_t)dm_random_below(&random, longest);
        for (size_t i = 0; i < n_byte; i++) {
            expected[i] = (int32_t)dm_random_below(&random, n_letter);
            word[i] = (char)('a' + expected[i]);
        }
        size_t n = merge_slowly(merges, n_merge, expected, n_byte);
        ids.n_id = 0;
        assert_true(dm_bpe_merge_word(&bpe, &scratch, word, n_byte, &ids));
        assert_int_equal(ids.n_id, n);
        assert_memory_equal(ids.ids, expected, n * sizeof *expected);
        /* And so it is in parts, cut where no merge joins. */
        ids.n_id = 0;
        for (size_t begin = 0, end; begin < n_byte; begin = end, n_cut++) {
            end = dm_bpe_cut(&bpe, word, n_byte, begin);
            assert_in_range(end, begin + 1, n_byte);
            assert_true(dm_bpe_merge_word(&bpe, &scratch, word + begin, end - begin, &ids));
        }
        assert_int_equal(ids.n_id, n);
        assert_memory_equal(ids.ids, expected, n * sizeof *expected);
    }
    assert_true(n_cut > 2 * n_word || !bpe.may_cut);
    dm_memory_free(ids.ids);
    dm_bpe_scratch_close(&scratch);
    dm_bpe_close(&bpe);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_repair),        cmocka_unit_test(test_valid_prefix),
        cmocka_unit_test(test_alphabet),      cmocka_unit_test(test_code_points),
        cmocka_unit_test(test_starts_afresh), cmocka_unit_test(test_nfc),
        cmocka_unit_test(test_merging),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
