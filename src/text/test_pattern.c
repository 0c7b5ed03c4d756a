/* Patterns: which are refused, that classes hold what Hugging Face `tokenizers` takes for them
 * (tests/data/tokenizer/kinds/classes.json), what an open text may change, and that no match takes long. */
#include <stdio.h>
#include <string.h>
#include <utf8proc.h>

#include "base/json.h"
#include "base/memory.h"
#include "test_support.h"
#include "text/classes.h"
#include "text/pattern.h"

static void open_pattern(struct dm_pattern *pattern, const char *text) {
    dm_error error = {0};
    if (dm_pattern_open(pattern, text, strlen(text), "file", &error))
        fail_msg("%s: %s", text, error.message);
}

static void test_refused(void **state) {
    static const struct {
        const char *pattern, *words;
    } refused[] = {
        {"(?<=a)b", "\"(?<\""},
        {"(?<!a)b", "\"(?<\""},
        {"(?<n>a)", "\"(?<\""},
        {"(?m)a", "\"(?m\""},
        {"(?i)a", "\"(?i\""},
        {"(?#x)a", "\"(?#\""},
        {"(*UTF)a", "PCRE2"},
        {"^a", "\"^\""},
        {"\\Aa", "\"\\A\""},
        {"\\bx", "\"\\b\""},
        {"\\Bx", "\"\\B\""},
        {"\\Gx", "\"\\G\""},
        {"\\w+", "\"\\w\""},
        {"\\h", "\"\\h\""},
        {"\\R", "\"\\R\""},
        {"\\X", "\"\\X\""},
        {"\\Kx", "\"\\K\""},
        {"(a)\\1", "\"\\1\""},
        {"(a)\\k<1>", "\"\\k\""},
        {"\\Qa", "\"\\Q\""},
        {"a\\", "\"\\\""},
        {"\\xe4", "\"\\xe4\""},
        {"\\x{110000}", "\\x{110000"},
        {"\\x{d800}", "\\x{d800"},
        {"\\u12", "\"\\u12\""},
        {"\\p{Mn}", "\"\\p{Mn}\""},
        {"\\p{Cn}", "\"\\p{Cn}\""},
        {"\\p{Greek}", "\"\\p{Greek}\""},
        {"\\p{Nonsense}", "\"\\p{Nonsense}\""},
        {"\\pL", "\"\\pL\""},
        {"[\\P{L}]", "\"\\P{L}\""},
        {"[\\D]", "\"\\D\""},
        {"[a&&b]", "\"&&\""},
        {"[[:alpha:]]", "\"[:\""},
        {"[a[^b]]", "\"[^\""},
        {"[]a]", "\"[]\""},
        {"[a-\\d]", "\"-\\d\""},
        {"[ab", "\"[ab\""},
        {"a{2}+", "\"{2}+\""},
        {"a{2,3}+", "\"{2,3}+\""},
        {"a{2}?", "\"{2}?\""},
        {"(?i:ss)", "\"ss\""},
        {"(?i:aFIb)", "\"FI\""},
        {"(?i:\xc3\xa9)", "\"\xc3\xa9\""},
        {"a**", "PCRE2"},
        {"(a", "PCRE2"},
        {"a)", "PCRE2"},
        {"a*", "match nothing"},
        {"a|", "match nothing"},
        {"(?=a)", "match nothing"},
        {"$", "match nothing"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct dm_pattern pattern = {NULL};
        dm_error error = {0};
        dm_status status = dm_pattern_open(&pattern, refused[i].pattern, strlen(refused[i].pattern),
                                           "file", &error);
        if (status != DM_ERROR_UNSUPPORTED || !strstr(error.message, refused[i].words) ||
            strncmp(error.message, "file: ", 6) != 0)
            fail_msg("%s: %d, %s", refused[i].pattern, status, error.message);
        dm_pattern_close(&pattern);
    }
    assert_int_equal(dm_memory_live(), 0);
}

/* What Oniguruma writes otherwise than PCRE2 does. */
static void test_translated(void **state) {
    static const struct {
        const char *pattern, *text;
        size_t at, end;
    } found[] = {
        {"\\u4e2d", "a\xe4\xb8\xad", 1, 4},
        {"\\x{4e2d}", "a\xe4\xb8\xad", 1, 4},
        {"\\x41", "bA", 1, 2},
        {"a{,2}b", "aaab", 1, 4},
        {"a{x}", "a{x}", 0, 4},
        {"a{,}", "aa{,}", 1, 5},
        {".+", "\r\x0b\nx", 0, 2},
        {"x$", "x\ny", 0, 1},
        {"x\\z", "x\nx", 2, 3},
        {"x\\Z", "xx\n", 1, 2},
        {"\\v", "\n\x0b", 1, 2},
        {"[\\v]", "\n\x0b", 1, 2},
        {"\\s", "\x1c\x0b", 1, 2},
        {"\\S", " \x1c", 1, 2},
        {"[\\S]", " \x1c", 1, 2},
        {"[^\\S]", "a\xc2\x85", 1, 3},
        {"\\D", "1\xd9\xa3x", 3, 4},
        {"\\P{L}+", "ab12", 2, 4},
        {"\\p{^L}+", "ab12", 2, 4},
        {"[a[b[c]]-]+", "xabc-", 1, 5},
        {"[(\\s|[.,])]+", "ab.,|", 2, 5},
        {"[a\\-z]+", "ba-z", 1, 4},
        {"[\\p{L}-z]+", "1a-z", 1, 4},
        {"[--/]+", "a-./", 1, 4},
        {"(?i:'S|k)", "\xe2\x84\xaa", 0, 3},
        {"(?i:'s)", "'\xc5\xbf", 0, 3},
        {"#x", "# #x", 2, 4},
        {"\xe4\xb8\xad+", "\xe4\xb8\xad\xe4\xb8\xad", 0, 6},
    };
    struct dm_pattern_scan scan;
    (void)state;
    assert_int_equal(dm_pattern_scan_open(&scan, NULL), DM_OK);
    for (size_t i = 0; i < sizeof found / sizeof *found; i++) {
        struct dm_pattern pattern;
        size_t at, end;
        open_pattern(&pattern, found[i].pattern);
        assert_int_equal(dm_pattern_find(&scan, &pattern, found[i].text, strlen(found[i].text),
                                         false, 0, &at, &end, NULL),
                         DM_OK);
        if (at != found[i].at || end != found[i].end)
            fail_msg("%s: %zu to %zu", found[i].pattern, at, end);
        dm_pattern_close(&pattern);
    }
    dm_pattern_scan_close(&scan);
}

/* ---- Classes ---- */

static uint32_t code_point_at(const char *text) {
    utf8proc_int32_t c;
    utf8proc_iterate((const utf8proc_uint8_t *)text, 4, &c);
    return (uint32_t)c;
}

/* The runs of members in a text of all code points are the ranges. */
static void check_class(const char *name, const char *members, const json_t *ranges,
                        const char *text, size_t n_byte) {
    char pattern_text[8192];
    struct dm_pattern pattern;
    struct dm_pattern_scan scan;
    size_t n = 0, end;
    int length = snprintf(pattern_text, sizeof pattern_text, "[%s]++", members);
    assert_in_range(length, 1, sizeof pattern_text - 1);
    open_pattern(&pattern, pattern_text);
    assert_int_equal(dm_pattern_scan_open(&scan, NULL), DM_OK);
    for (size_t at = 0; at < n_byte; at = end) {
        assert_int_equal(dm_pattern_find(&scan, &pattern, text, n_byte, false, at, &at, &end, NULL),
                         DM_OK);
        if (at == n_byte)
            break;
        uint32_t first = code_point_at(text + at), last = first;
        for (size_t i = at; i < end; i++)
            if (((unsigned char)text[i] & 0xc0) != 0x80)
                last = code_point_at(text + i);
        for (; first <= last; n++) { /* of both sides of the surrogates */
            const json_t *range = json_array_get(ranges, n);
            if (json_integer_value(json_array_get(range, 0)) != (json_int_t)first)
                fail_msg("%s: U+%04X is in another class", name, (unsigned)first);
            uint32_t stop = (uint32_t)json_integer_value(json_array_get(range, 1));
            if (stop > last)
                fail_msg("%s: U+%04X is in another class", name, (unsigned)last + 1);
            first = stop == 0xd7ff ? 0xe000 : stop + 1;
            if (first <= last && stop != 0xd7ff)
                fail_msg("%s: U+%04X is in another class", name, (unsigned)first);
        }
    }
    assert_int_equal(n, json_array_size(ranges));
    dm_pattern_scan_close(&scan);
    dm_pattern_close(&pattern);
}

static void test_classes(void **state) {
    json_t *classes, *ranges;
    const char *name;
    char *text = dm_memory_array(0x110000, 4);
    size_t n_byte = 0, n_class = 0;
    (void)state;
    for (int32_t c = 0; c < 0x110000; c++)
        if (c < 0xd800 || c > 0xdfff)
            n_byte += (size_t)utf8proc_encode_char(c, (utf8proc_uint8_t *)text + n_byte);
    assert_int_equal(dm_json_read(test_data("tokenizer/kinds/classes.json"), &classes, NULL),
                     DM_OK);
    json_object_foreach(classes, name, ranges) {
        char members[32];
        snprintf(members, sizeof members, strlen(name) == 1 && *name >= 'a' ? "\\%s" : "\\p{%s}",
                 name);
        bool digits = strcmp(name, "digits") == 0, other = strcmp(name, "punctuation") == 0;
        check_class(name,
                    digits  ? dm_class_numeric
                    : other ? dm_class_punctuation
                            : members,
                    ranges, text, n_byte);
        n_class++;
    }
    assert_true(n_class >= 35);
    json_decref(classes);
    dm_memory_free(text);
}

/* ---- Open texts ---- */

static void test_open(void **state) {
    static const struct {
        const char *pattern, *text;
        size_t at, end; /* alike: more may change it */
    } found[] = {
        {"\\d{3}", "ab123", 2, 5},     {"\\d{3}", "ab12", 2, 2}, {"\\d{3}", "ab", 2, 2},
        {"a+", "baa", 1, 1},           {"a+", "baac", 1, 3},     {"a(?!b)", "xa", 1, 1},
        {"a(?!b)", "xac", 1, 2},       {"a(?=b)", "xac", 3, 3},  {"a$", "xa", 1, 1},
        {"abc|a", "xab", 1, 1},        {"abc|a", "xabd", 1, 2},  {"\\s+(?!\\S)|x", "  ", 0, 0},
        {"\\s+(?!\\S)", "   x", 0, 2},
    };
    struct dm_pattern_scan scan;
    (void)state;
    assert_int_equal(dm_pattern_scan_open(&scan, NULL), DM_OK);
    for (size_t i = 0; i < sizeof found / sizeof *found; i++) {
        struct dm_pattern pattern;
        size_t at, end;
        open_pattern(&pattern, found[i].pattern);
        assert_int_equal(dm_pattern_find(&scan, &pattern, found[i].text, strlen(found[i].text),
                                         true, 0, &at, &end, NULL),
                         DM_OK);
        if (at != found[i].at || end != found[i].end)
            fail_msg("%s in %s: %zu to %zu", found[i].pattern, found[i].text, at, end);
        dm_pattern_close(&pattern);
    }
    dm_pattern_scan_close(&scan);
}

/* What would take for ever is an error; a long run that takes a step for each byte is none. */
static void test_limit(void **state) {
    enum { n_byte = 1 << 20 };
    static const char *const endless[] = {"(a+)+[bc]", "(a|aa)+[bc]"};
    struct dm_pattern pattern;
    struct dm_pattern_scan scan;
    size_t at, end;
    char *text = dm_memory_array(n_byte, 1);
    dm_error error;
    (void)state;
    memset(text, 'a', n_byte);
    assert_int_equal(dm_pattern_scan_open(&scan, NULL), DM_OK);
    for (size_t i = 0; i < sizeof endless / sizeof *endless; i++) {
        open_pattern(&pattern, endless[i]);
        assert_int_equal(dm_pattern_find(&scan, &pattern, text, 100, false, 0, &at, &end, &error),
                         DM_ERROR_UNSUPPORTED);
        assert_non_null(strstr(error.message, "too many steps"));
        dm_pattern_close(&pattern);
    }
    open_pattern(&pattern, "[^\\r\\n\\p{L}]?\\p{L}+(?!\\S)|(?:a|b)+");
    assert_int_equal(dm_pattern_find(&scan, &pattern, text, n_byte, false, 0, &at, &end, &error),
                     DM_OK);
    assert_int_equal(end - at, n_byte);
    dm_pattern_close(&pattern);
    dm_pattern_scan_close(&scan);
    dm_memory_free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused), cmocka_unit_test(test_translated),
        cmocka_unit_test(test_classes), cmocka_unit_test(test_open),
        cmocka_unit_test(test_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
