/* What an encoder says of text that is not UTF-8 and of wrong arguments, and that it goes on after. */
#include <stdio.h>
#include <string.h>

#include "decimamba.h"
#include "test_support.h"

static dm_tokenizer *load(const char *name) {
    dm_error error;
    dm_tokenizer *tokenizer = NULL;
    if (dm_tokenizer_load(test_join(test_data("tokenizer"), name), &tokenizer, &error))
        fail_msg("%s", error.message);
    return tokenizer;
}

static void test_not_utf8(void **state) {
    (void)state;
    static const struct {
        const char *text;
        size_t n_byte, at;
    } faults[] = {
        {"0123456789\xff"
         "abc",
         14, 10},
        {"ab\xe2\x82", 4, 2},
        {"ab\xe2\x82x", 5, 2},
        {"\xed\xa0\x80", 3, 0},
        {"a\xf0\x9f\xa6", 4, 1},
        {"a\xc0\x80", 3, 1},
        {"caf\xc3\xa9\xf4\x90\x80\x80", 9, 5},
        {"\x80", 1, 0},
        {"<l>   \xe4\xb8", 8, 6},
    };
    dm_tokenizer *tokenizer = load("odd");
    dm_encoder *encoder;
    assert_int_equal(dm_encoder_new(tokenizer, &encoder, NULL), DM_OK);
    for (size_t f = 0; f < sizeof faults / sizeof *faults; f++)
        for (size_t cut = 0; cut <= faults[f].n_byte; cut++) {
            const int32_t *ids = NULL;
            size_t n_id = 77;
            char where[80];
            dm_error error = {DM_OK, ""};
            snprintf(where, sizeof where, "the text is not UTF-8 at byte %zu", faults[f].at);
            const char *text = faults[f].text;
            dm_status status = dm_encoder_push(encoder, text, cut, &ids, &n_id, &error);
            if (!status)
                status = dm_encoder_push(encoder, text + cut, faults[f].n_byte - cut, &ids, &n_id,
                                         &error);
            if (!status) { /* an unfinished character: it could yet be finished */
                status = dm_encoder_finish(encoder, &ids, &n_id, &error);
            }
            assert_int_equal(status, DM_ERROR_FORMAT);
            assert_string_equal(error.message, where);
            dm_encoder_free(encoder);
            assert_int_equal(dm_encoder_new(tokenizer, &encoder, NULL), DM_OK);
        }
    dm_encoder_free(encoder);
    dm_tokenizer_free(tokenizer);
}

static void expect_next(const int32_t *whole, size_t n_whole, const int32_t *ids, size_t n_id,
                        size_t *n_seen) {
    assert_true(n_id <= n_whole - *n_seen);
    if (n_id)
        assert_memory_equal(ids, whole + *n_seen, n_id * sizeof *ids);
    *n_seen += n_id;
}

/* After a refused piece, and after a finish that came too early, the encoder goes on as if it had not
 * been asked. */
static void test_after_an_error(void **state) {
    (void)state;
    static const char text[] = "a <lr>  caf\xc3\xa9 \xf0\x9f\xa6\x86 x";
    dm_tokenizer *tokenizer = load("odd");
    dm_encoder *encoder;
    const int32_t *ids = NULL;
    int32_t *whole;
    size_t n_id = 77, n_whole, n_seen = 0;
    assert_int_equal(dm_tokenizer_encode(tokenizer, text, sizeof text - 1, &whole, &n_whole, NULL),
                     DM_OK);
    assert_int_equal(dm_encoder_new(tokenizer, &encoder, NULL), DM_OK);
    for (size_t i = 0; i < sizeof text - 1; i++) {
        const int32_t *untouched = ids;
        size_t n_untouched = n_id;
        assert_int_equal(dm_encoder_push(encoder, "abab <l> \xff", 10, &ids, &n_id, NULL),
                         DM_ERROR_FORMAT);
        if (((unsigned char)text[i] & 0xc0) == 0x80) /* within a character */
            assert_int_equal(dm_encoder_finish(encoder, &ids, &n_id, NULL), DM_ERROR_FORMAT);
        assert_ptr_equal(ids, untouched);
        assert_int_equal(n_id, n_untouched);
        assert_int_equal(dm_encoder_push(encoder, text + i, 1, &ids, &n_id, NULL), DM_OK);
        expect_next(whole, n_whole, ids, n_id, &n_seen);
    }
    assert_int_equal(dm_encoder_finish(encoder, &ids, &n_id, NULL), DM_OK);
    expect_next(whole, n_whole, ids, n_id, &n_seen);
    assert_int_equal(n_seen, n_whole);
    dm_free(whole);
    dm_encoder_free(encoder);
    dm_tokenizer_free(tokenizer);
}

static void test_arguments(void **state) {
    (void)state;
    dm_tokenizer *tokenizer = load("bytes");
    dm_encoder *encoder;
    const int32_t *ids;
    size_t n_id;
    assert_int_equal(dm_encoder_new(NULL, &encoder, NULL), DM_ERROR_ARGUMENT);
    assert_int_equal(dm_encoder_new(tokenizer, NULL, NULL), DM_ERROR_ARGUMENT);
    assert_int_equal(dm_encoder_new(tokenizer, &encoder, NULL), DM_OK);
    assert_int_equal(dm_encoder_push(NULL, "a", 1, &ids, &n_id, NULL), DM_ERROR_ARGUMENT);
    assert_int_equal(dm_encoder_push(encoder, NULL, 1, &ids, &n_id, NULL), DM_ERROR_ARGUMENT);
    assert_int_equal(dm_encoder_push(encoder, "a", 1, NULL, &n_id, NULL), DM_ERROR_ARGUMENT);
    assert_int_equal(dm_encoder_finish(NULL, &ids, &n_id, NULL), DM_ERROR_ARGUMENT);
    assert_int_equal(dm_encoder_finish(encoder, &ids, NULL, NULL), DM_ERROR_ARGUMENT);
    assert_int_equal(dm_encoder_push(encoder, NULL, 0, &ids, &n_id, NULL), DM_OK);
    assert_int_equal(dm_encoder_finish(encoder, &ids, &n_id, NULL), DM_OK);
    assert_int_equal(n_id, 0);
    dm_encoder_free(encoder);
    dm_encoder_free(NULL);
    dm_tokenizer_free(tokenizer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_not_utf8),
        cmocka_unit_test(test_after_an_error),
        cmocka_unit_test(test_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
