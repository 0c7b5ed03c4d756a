/* The kinds of tokenizers that language models have, against the answers of Hugging Face `tokenizers` and
 * sentencepiece in tests/data/tokenizer/kinds (or in the directory that is named), whole and in pieces. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "base/mapped_file.h"
#include "base/memory.h"
#include "base/path.h"
#include "test_support.h"
#include "text/test_tokenizer_cases.h"

static char kinds_directory[TEST_MAX_PATH];

static void check_cuts(dm_tokenizer *tokenizer, dm_encoder *encoder, const char *text,
                       size_t n_byte, struct dm_random *random) {
    if (n_byte < 100)
        check_cut_text(tokenizer, encoder, text, n_byte, random);
}

static size_t check_kinds(tokenizer_cases_text check) {
    size_t n_kind = 0;
    DIR *listing = opendir(kinds_directory);
    assert_non_null(listing);
    for (const struct dirent *entry; (entry = readdir(listing));) {
        char path[TEST_MAX_PATH + sizeof entry->d_name];
        snprintf(path, sizeof path, "%s/%s", kinds_directory, entry->d_name);
        if (entry->d_name[0] == '.' || !dm_path_exists(test_join(path, "expected.jsonl")))
            continue;
        print_message("%s\n", entry->d_name);
        assert_true(tokenizer_cases_check(path, check) >= 100);
        n_kind++;
    }
    closedir(listing);
    return n_kind;
}

static void test_kinds(void **state) {
    (void)state;
    assert_true(check_kinds(NULL) >= 24);
}

static void test_pieces(void **state) {
    (void)state;
    assert_true(check_kinds(check_cuts) >= 24);
}

/* ---- When memory is short ---- */

/* Tokens of every kind: added ones, bytes, spaces to strip. */
static const char mixed[] =
    " \xe4\xb8\xad\xc2\xbd <t>  12345 don't <n> x\xf0\x9f\xa6\x86\xf0\x9f\xa6\x86 ";

/* Encodes in pieces of `n_piece` bytes, and decodes one by one; a call that fails is made once more, and
 * must then give what it would have given. */
static void use_in_pieces(const dm_tokenizer *tokenizer, const char *whole, size_t n_whole) {
    enum { n_piece = 7 };
    dm_encoder *encoder = NULL;
    dm_decoder *decoder = NULL;
    char decoded[2 * sizeof mixed];
    size_t n_decoded = 0;
    while (dm_encoder_new(tokenizer, &encoder, NULL) ||
           dm_decoder_new(tokenizer, 1, &decoder, NULL))
        dm_encoder_free(encoder);
    for (size_t done = 0; done <= sizeof mixed - 1; done += n_piece) {
        const int32_t *ids;
        const char *text;
        size_t n_id, n_text, n = sizeof mixed - 1 - done;
        while (n < n_piece ? dm_encoder_push(encoder, mixed + done, n, &ids, &n_id, NULL)
                           : dm_encoder_push(encoder, mixed + done, n_piece, &ids, &n_id, NULL))
            ;
        for (size_t i = 0; i < n_id; i++) {
            while (dm_decoder_push(decoder, ids[i], &text, &n_text, NULL))
                ;
            memcpy(decoded + n_decoded, text, n_text);
            n_decoded += n_text;
        }
        if (n >= n_piece)
            continue;
        while (dm_encoder_finish(encoder, &ids, &n_id, NULL))
            ;
        for (size_t i = 0; i <= n_id; i++) {
            while (i < n_id ? dm_decoder_push(decoder, ids[i], &text, &n_text, NULL)
                            : dm_decoder_finish(decoder, &text, &n_text, NULL))
                ;
            memcpy(decoded + n_decoded, text, n_text);
            n_decoded += n_text;
        }
    }
    assert_int_equal(n_decoded, n_whole);
    assert_memory_equal(decoded, whole, n_whole);
    dm_encoder_free(encoder);
    dm_decoder_free(decoder);
}

static void check_short_memory(const char *kind) {
    const char *path = test_join(kinds_directory, kind);
    dm_tokenizer *tokenizer = NULL;
    int32_t *ids;
    char *whole;
    size_t n_id, n_whole, n = 0;
    bool failed;
    do {
        dm_memory_fail_at(++n);
        dm_status status = dm_tokenizer_load(path, &tokenizer, NULL);
        dm_memory_fail_at(0);
        failed = status != DM_OK;
        assert_true(status == DM_OK || status == DM_ERROR_MEMORY);
        if (failed)
            assert_int_equal(dm_memory_live(), 0);
    } while (failed);
    assert_true(n > 20);
    assert_int_equal(dm_tokenizer_encode(tokenizer, mixed, sizeof mixed - 1, &ids, &n_id, NULL),
                     DM_OK);
    assert_int_equal(dm_tokenizer_decode(tokenizer, ids, n_id, 1, &whole, &n_whole, NULL), DM_OK);
    for (n = 1, failed = true; failed; n++) {
        dm_memory_fail_once(n);
        use_in_pieces(tokenizer, whole, n_whole);
        failed = dm_memory_failed();
    }
    assert_true(n > 5);
    dm_free(ids);
    dm_free(whole);
    dm_tokenizer_free(tokenizer);
    assert_int_equal(dm_memory_live(), 0);
}

static void test_short_memory(void **state) {
    static const char *const kinds[] = {"falcon", "llama3",        "qwen2", "llama2",
                                        "never",  "unknown-fused", "pieces"};
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        check_short_memory(kinds[i]);
}

int main(int n_argument, char **arguments) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_kinds), cmocka_unit_test(test_pieces),
                                       cmocka_unit_test(test_short_memory)};
    snprintf(kinds_directory, sizeof kinds_directory, "%s",
             n_argument > 1 ? arguments[1] : test_data("tokenizer/kinds"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
