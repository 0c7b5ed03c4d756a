/* Encoding piece by piece: however a text is cut, the ids are those of the whole. A whole text of less
 * than 64 KB goes through the stages at once, where nothing has to be held; and what it should give
 * is known from Hugging Face `tokenizers` (test_tokenizer.c). */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mapped_file.h"
#include "base/memory.h"
#include "base/random.h"
#include "decimamba.h"
#include "test_support.h"
#include "text/test_tokenizer_cases.h"

/* ---- Tokenizers: those of tests/data, and the odd one with other settings ---- */

static dm_tokenizer *load(const char *path) {
    return tokenizer_cases_load(path);
}

static const char *data_path(const char *name) {
    return test_join(test_data("tokenizer"), name);
}

/* What a variant of the odd tokenizer lacks, and that it has tokens of white space that take more. */
enum {
    NO_NFC = 1,
    NO_PREFIX_SPACE = 2,
    NO_WORDS = 4,
    NO_MERGES = 8,
    NO_ADDED = 16,
    MORE_SPACES = 32,
    N_VARIANT = 64
};

static void add_spaces(json_t *added) {
    static const struct {
        const char *content;
        int single_word, lstrip, rstrip, normalized;
    } tokens[] = {{" \n", 0, 1, 0, 0}, {" x y", 0, 0, 0, 0},   {"\n", 1, 1, 1, 0},
                  {"\t", 0, 1, 1, 1},  {"\t\t <", 1, 0, 0, 1}, {"ing", 1, 0, 0, 1}};
    const json_t *last = json_array_get(added, json_array_size(added) - 1);
    int id = last ? (int)json_integer_value(json_object_get(last, "id")) + 1 : 264;
    for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++)
        json_array_append_new(added,
                              json_pack("{si ss sb sb sb sb sb}", "id", id + (int)i, "content",
                                        tokens[i].content, "single_word", tokens[i].single_word,
                                        "lstrip", tokens[i].lstrip, "rstrip", tokens[i].rstrip,
                                        "normalized", tokens[i].normalized, "special", 1));
}

static dm_tokenizer *load_variant(unsigned lacks) {
    json_t *root;
    const char *path = test_join(test_directory, "tokenizer.json");
    assert_int_equal(dm_json_read(test_join(data_path("odd"), "tokenizer.json"), &root, NULL),
                     DM_OK);
    json_t *pre = json_object_get(root, "pre_tokenizer");
    if (lacks & NO_NFC)
        json_object_set_new(root, "normalizer", json_null());
    if (lacks & NO_PREFIX_SPACE)
        json_object_set_new(pre, "add_prefix_space", json_false());
    if (lacks & NO_WORDS)
        json_object_set_new(pre, "use_regex", json_false());
    if (lacks & NO_MERGES)
        json_array_clear(json_object_get(json_object_get(root, "model"), "merges"));
    if (lacks & NO_ADDED)
        json_array_clear(json_object_get(root, "added_tokens"));
    if (lacks & MORE_SPACES)
        add_spaces(json_object_get(root, "added_tokens"));
    assert_int_equal(json_dump_file(root, path, 0), 0);
    json_decref(root);
    return load(path);
}

/* ---- Texts ---- */

/* What stages hold, and what stops them: words that go on, contractions, white space before and after
 * tokens that take it, parts of tokens, marks, Hangul, characters of every length. */
static const char *const snippets[] = {
    "a", "ab", "abab", "    ", "\r\n", "'", "'r", "'re", "'s", "'ll", "'v", "e", "7", "42", "!",
    "?!", ".", "\xc2\xa0", "\xe3\x80\x80", "\xc2\x85", "<s", "<s>", "<s><s>", "<n>", "words", "caf",
    "caf\xc3\xa9", "cafe", "\xcc\x81", "\xcc\x81\xcc\x96", "\xcc\x96", "\xc3\xa9", "\xc3\xa9x",
    "e\xcc\x81x", "\xe4\xb8\xad\xe6\x96\x87", "\xe1\x84\x80", "\xe1\x85\xa1", "\xe1\x86\xa8",
    "\xea\xb0\x80", "\xe0\xa7\x87", "\xe0\xa6\xbe", "\xf0\x9f\xa6\x86", "\xf0\x91\xa4\xb5",
    "\xf0\x91\xa4\xb0", "\xe2\x84\xab", "\xef\xac\xa9", "\xe0\xbd\xb1\xe0\xbd\xb2", "\xe1\xbe\xb3",
    "_", "The", " the", "<|endoftext|>", "<|endof", "<|padding|>", "\xc4\xa0", "aaaa", "\0",
    /* from here on: tokens and white space that they take */
    "<", "<l>", "<r>", "<lr>", "<r> <l>", "<r> ", "word", "ing", "\xe4\xb8\xad", "x", " ", " ",
    "  ", "\n", "\t", " \n", " x", " y", " x y", "\t\t <"};
enum { n_snippet = sizeof snippets / sizeof *snippets, n_spacing = 20, max_snippet = 40 };

static size_t make_text(struct dm_random *random, char *text) {
    static const size_t groups[][2] = {{0, n_snippet}, {n_snippet - n_spacing, n_spacing}};
    size_t n_byte = 0, n = 1 + dm_random_below(random, max_snippet);
    const size_t *group = groups[dm_random_below(random, 2)];
    size_t n_kind = dm_random_below(random, 2) ? group[1] : 5; /* or a few that meet again */
    size_t first = dm_random_below(random, group[1]);
    for (size_t i = 0; i < n; i++) {
        size_t pick = (first + dm_random_below(random, n_kind)) % group[1];
        const char *snippet = snippets[group[0] + pick];
        size_t length = *snippet ? strlen(snippet) : 1;
        for (size_t j = 0; j < length; j++)
            text[n_byte++] = snippet[j];
    }
    return n_byte;
}

static void check_random_texts(dm_tokenizer *tokenizer, size_t n_text, uint64_t seed) {
    struct dm_random random;
    dm_encoder *encoder;
    char text[max_snippet * 16];
    dm_random_seed(&random, seed);
    assert_int_equal(dm_encoder_new(tokenizer, &encoder, NULL), DM_OK);
    for (size_t i = 0; i < n_text; i++)
        check_cut_text(tokenizer, encoder, text, make_text(&random, text), &random);
    dm_encoder_free(encoder);
    dm_tokenizer_free(tokenizer);
}

static void test_random_texts(void **state) {
    (void)state;
    check_random_texts(load(data_path("neox")), 1500, 1);
    check_random_texts(load(data_path("bytes")), 500, 2);
    check_random_texts(load(test_source("models/books")), 1500, 3);
    assert_int_equal(dm_memory_live(), 0);
}

static void test_variants(void **state) {
    (void)state;
    for (unsigned lacks = 0; lacks < N_VARIANT; lacks++)
        check_random_texts(load_variant(lacks), lacks % MORE_SPACES ? 200 : 3000, 10 + lacks);
    assert_int_equal(dm_memory_live(), 0);
}

/* Every text that the oracle was asked. */
static void check_text(dm_tokenizer *tokenizer, dm_encoder *encoder, const char *text,
                       size_t n_byte, struct dm_random *random) {
    if (n_byte < 300)
        check_cut_text(tokenizer, encoder, text, n_byte, random);
}

static void check_set(const char *name) {
    tokenizer_cases_check(data_path(name), check_text);
}

static void test_known_texts(void **state) {
    (void)state;
    check_set("neox");
    check_set("bytes");
    check_set("odd");
    assert_int_equal(dm_memory_live(), 0);
}

/* ---- What is held ---- */

/* Of a book, pushed some bytes at a time, never more than the last words are held; and of a text with no
 * place to cut, which is as good as held, each byte is looked at a few times only. */
static void check_lag(const char *tokenizer_path, const char *unit, size_t n_repeat, size_t most) {
    struct dm_random random;
    dm_tokenizer *tokenizer = load(tokenizer_path);
    dm_encoder *encoder;
    size_t n_unit = strlen(unit), n_pushed = 0, n_given = 0, n_last;
    char *text = malloc(n_unit * n_repeat), *given;
    for (size_t i = 0; i < n_unit * n_repeat; i++)
        text[i] = unit[i % n_unit];
    dm_random_seed(&random, 3);
    assert_int_equal(dm_encoder_new(tokenizer, &encoder, NULL), DM_OK);
    for (bool last = false; !last;) {
        const int32_t *ids;
        size_t n_id, n = 1 + dm_random_below(&random, 700);
        n = n < n_unit * n_repeat - n_pushed ? n : n_unit * n_repeat - n_pushed;
        last = !n;
        assert_int_equal(last ? dm_encoder_finish(encoder, &ids, &n_id, NULL)
                              : dm_encoder_push(encoder, text + n_pushed, n, &ids, &n_id, NULL),
                         DM_OK);
        n_pushed += n;
        assert_int_equal(dm_tokenizer_decode(tokenizer, ids, n_id, 1, &given, &n_last, NULL),
                         DM_OK);
        dm_free(given);
        n_given += n_last;
        assert_true(n_pushed - n_given <= most);
    }
    assert_int_equal(n_given, n_pushed);
    free(text);
    dm_encoder_free(encoder);
    dm_tokenizer_free(tokenizer);
}

static void test_lag(void **state) {
    (void)state;
    char *book = (char *)test_read_file(test_source("data/books/26618.txt"), &(size_t){0});
    const size_t all = SIZE_MAX;
    check_lag(data_path("neox"), book, 3, 200);
    check_lag(test_source("models/books"), book, 3, 200);
    check_lag(data_path("bytes"), book, 3, 8);
    check_lag(data_path("bytes"), "a", 300000, 8);
    check_lag(data_path("neox"), "\xe4\xb8\xad\xe6\x96\x87\xe3\x80\x82", 30000, 60);
    check_lag(data_path("neox"), "1\n", 100000, 60);
    check_lag(data_path("neox"), "a", 2000000, all);
    check_lag(data_path("neox"), "\n", 2000000, all);
    check_lag(data_path("neox"), "a\xcc\x96", 3, all);
    check_lag(data_path("neox"), "\xcc\x96", 600000, all);
    free(book);
    assert_int_equal(dm_memory_live(), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_texts),
        cmocka_unit_test(test_variants),
        cmocka_unit_test(test_known_texts),
        cmocka_unit_test(test_lag),

    };
    return cmocka_run_group_tests(tests, test_set_up, test_tear_down);
}
