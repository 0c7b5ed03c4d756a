/* Encoding and decoding against the answers of Hugging Face `tokenizers` in tests/data/tokenizer,
 * and the properties that no list of examples shows. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mapped_file.h"
#include "base/memory.h"
#include "decimamba.h"
#include "test_support.h"
#include "text/test_tokenizer_cases.h"

static const char *data_path(const char *name) {
    return test_join(test_data("tokenizer"), name);
}

static dm_tokenizer *load(const char *name) {
    return tokenizer_cases_load(data_path(name));
}

static size_t check_set(const char *name) {
    return tokenizer_cases_check(data_path(name), NULL);
}

static void test_neox(void **state) {
    (void)state;
    assert_true(check_set("neox") >= 5000);
}

static void test_bytes(void **state) {
    (void)state;
    assert_true(check_set("bytes") > 200);
}

static void test_odd_added_tokens(void **state) {
    (void)state;
    assert_true(check_set("odd") > 1000);
}

static void test_find(void **state) {
    (void)state;
    dm_tokenizer *tokenizer = load("neox/tokenizer.json");
    assert_int_equal(dm_tokenizer_vocab_size(tokenizer), 50277);
    assert_int_equal(dm_tokenizer_find(tokenizer, "<|endoftext|>"), 0);
    assert_int_equal(dm_tokenizer_find(tokenizer, "  "), 50276);
    assert_int_equal(dm_tokenizer_find(tokenizer, "\u0120the"), 253);
    assert_int_equal(dm_tokenizer_find(tokenizer, " the"), -1);
    assert_int_equal(dm_tokenizer_find(tokenizer, ""), -1);
    dm_tokenizer_free(tokenizer);
}

static void check_not_utf8(const dm_tokenizer *tokenizer, const char *text, size_t n_byte,
                           const char *where) {
    int32_t *ids = NULL;
    size_t n_id = 77;
    dm_error error;
    assert_int_equal(dm_tokenizer_encode(tokenizer, text, n_byte, &ids, &n_id, &error),
                     DM_ERROR_FORMAT);
    assert_non_null(strstr(error.message, where));
    assert_null(ids);
    assert_int_equal(n_id, 77);
}

static void test_errors(void **state) {
    (void)state;
    dm_tokenizer *tokenizer = load("bytes");
    dm_decoder *decoder;
    dm_error error;
    int32_t *ids, bad_ids[] = {65, 256, -1};
    size_t n;
    char *text = NULL;
    const char *part = NULL;
    check_not_utf8(tokenizer, "abc\xff", 4, "byte 3");
    check_not_utf8(tokenizer, "0123456789\xe2\x82", 12, "byte 10");
    check_not_utf8(tokenizer, "\xed\xa0\x80", 3, "byte 0");
    assert_int_equal(dm_tokenizer_encode(tokenizer, NULL, 0, &ids, &n, &error), DM_OK);
    assert_int_equal(n, 0);
    dm_memory_free(ids);

    for (int32_t i = 1; i < 3; i++) {
        assert_int_equal(
            dm_tokenizer_decode(tokenizer, bad_ids, (size_t)i + 1, 1, &text, &n, &error),
            DM_ERROR_ARGUMENT);
        assert_non_null(strstr(error.message, "256"));
    }
    assert_null(text);
    assert_int_equal(dm_decoder_new(tokenizer, 1, &decoder, &error), DM_OK);
    assert_int_equal(dm_decoder_push(decoder, 256, &part, &n, &error), DM_ERROR_ARGUMENT);
    assert_int_equal(dm_decoder_push(decoder, 65, &part, &n, &error), DM_OK);
    assert_string_equal(part, "A");
    dm_decoder_free(decoder);

    assert_int_equal(dm_tokenizer_load(NULL, &tokenizer, &error), DM_ERROR_ARGUMENT);
    assert_int_equal(dm_tokenizer_encode(tokenizer, NULL, 1, &ids, &n, &error), DM_ERROR_ARGUMENT);
    assert_int_equal(dm_tokenizer_decode(tokenizer, NULL, 1, 1, &text, &n, &error),
                     DM_ERROR_ARGUMENT);
    assert_int_equal(dm_decoder_new(NULL, 1, &decoder, &error), DM_ERROR_ARGUMENT);
    assert_int_equal(dm_decoder_push(NULL, 1, &part, &n, &error), DM_ERROR_ARGUMENT);
    assert_int_equal(dm_decoder_finish(NULL, &part, &n, &error), DM_ERROR_ARGUMENT);
    dm_tokenizer_free(tokenizer);
    dm_tokenizer_free(NULL);
    dm_decoder_free(NULL);
}

/* Runs that would take hours if anything were quadratic in them. */
static void test_long_runs(void **state) {
    (void)state;
    static const char *const units[] = {"a", "ab", " ", "\n", "\u0301\u0316", "\u4e2d", "7", "!?"};
    const size_t n_byte = 1 << 20;
    dm_tokenizer *tokenizer = load("neox");
    char *text = dm_memory_array(n_byte, 1);
    for (size_t u = 0; u < sizeof units / sizeof *units; u++) {
        size_t n_unit = strlen(units[u]), n_text = n_byte - n_byte % n_unit, n_id, n_back;
        for (size_t i = 0; i < n_text; i++)
            text[i] = units[u][i % n_unit];
        int32_t *ids;
        char *back;
        assert_int_equal(dm_tokenizer_encode(tokenizer, text, n_text, &ids, &n_id, NULL), DM_OK);
        assert_int_equal(dm_tokenizer_decode(tokenizer, ids, n_id, 1, &back, &n_back, NULL), DM_OK);
        assert_int_equal(n_back, n_text);
        if (units[u][0] != '\xcc') /* NFC sorts the marks */
            assert_memory_equal(back, text, n_text);
        dm_memory_free(ids);
        dm_memory_free(back);
    }
    dm_memory_free(text);
    dm_tokenizer_free(tokenizer);
}

/* Everything once: white space taken by tokens, a prefix space, marks to sort, a word to merge. */
static const char mixed[] = "x <lr> a\u0301\u0316\u0301 abab<n>cafe\u0301  \u00e9t\u00e9";

static dm_status use_all(const char *path) {
    dm_tokenizer *tokenizer = NULL;
    dm_decoder *decoder = NULL;
    int32_t *ids = NULL;
    char *text = NULL;
    size_t n_id, n_byte;
    dm_error error;
    dm_status status = dm_tokenizer_load(path, &tokenizer, &error);
    if (!status)
        status = dm_tokenizer_encode(tokenizer, mixed, sizeof mixed - 1, &ids, &n_id, &error);
    if (!status)
        status = dm_tokenizer_decode(tokenizer, ids, n_id, 1, &text, &n_byte, &error);
    if (!status)
        status = dm_decoder_new(tokenizer, 1, &decoder, &error);
    dm_decoder_free(decoder);
    dm_memory_free(text);
    dm_memory_free(ids);
    dm_tokenizer_free(tokenizer);
    return status;
}

static void test_memory_failures(void **state) {
    (void)state;
    const char *path = data_path("odd");
    size_t n = 0;
    dm_status status;
    do {
        dm_memory_fail_at(++n);
        status = use_all(path);
        dm_memory_fail_at(0);
        assert_int_equal(dm_memory_live(), 0);
        assert_true(status == DM_OK || status == DM_ERROR_MEMORY);
    } while (status);
    assert_true(n > 25);
}

struct shared_use {
    const dm_tokenizer *tokenizer;
    int32_t *ids;
    size_t n_id;
};

static void *encode_often(void *argument) {
    struct shared_use *use = argument;
    for (int i = 0; i < 200; i++) {
        dm_memory_free(use->ids);
        use->ids = NULL;
        dm_tokenizer_encode(use->tokenizer, mixed, sizeof mixed - 1, &use->ids, &use->n_id, NULL);
    }
    return NULL;
}

static void test_shared_between_threads(void **state) {
    (void)state;
    enum { n_thread = 4 };
    dm_tokenizer *tokenizer = load("odd");
    pthread_t threads[n_thread];
    struct shared_use uses[n_thread];
    for (int i = 0; i < n_thread; i++) {
        uses[i] = (struct shared_use){.tokenizer = tokenizer};
        assert_int_equal(pthread_create(&threads[i], NULL, encode_often, &uses[i]), 0);
    }
    for (int i = 0; i < n_thread; i++) {
        pthread_join(threads[i], NULL);
        assert_true(uses[i].ids && uses[i].n_id == uses[0].n_id);
        assert_memory_equal(uses[i].ids, uses[0].ids, uses[0].n_id * sizeof(int32_t));
    }
    for (int i = 0; i < n_thread; i++)
        dm_memory_free(uses[i].ids);
    dm_tokenizer_free(tokenizer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_neox),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_odd_added_tokens),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_long_runs),
        cmocka_unit_test(test_memory_failures),
        cmocka_unit_test(test_shared_between_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
