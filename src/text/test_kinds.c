/* The kinds of tokenizers that language models have, against the answers of Hugging Face `tokenizers` and
 * sentencepiece in tests/data/tokenizer/kinds (or in the directory that is named), whole and in pieces. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "base/mapped_file.h"
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

int main(int n_argument, char **arguments) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_kinds), cmocka_unit_test(test_pieces)};
    snprintf(kinds_directory, sizeof kinds_directory, "%s",
             n_argument > 1 ? arguments[1] : test_data("tokenizer/kinds"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
