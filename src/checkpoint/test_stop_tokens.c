/* Which tokens a model stops at, by its files. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "test_support.h"

#include "base/memory.h"
#include "checkpoint/stop_tokens.h"
#include "decimamba.h"

static const char *const names[] = {"generation_config.json", "config.json"};

/* NULL: there is no such file. */
static void write_files(const char *generation, const char *config) {
    const char *texts[] = {generation, config};
    for (size_t i = 0; i < 2; i++) {
        const char *path = test_join(test_directory, names[i]);
        if (texts[i])
            test_write_text(path, texts[i]);
        else
            unlink(path);
    }
}

static void the_first_file_that_names_some_decides(void **state) {
    static const struct {
        const char *generation, *config;
        int32_t end;
        size_t n;
        int32_t ids[3];
    } cases[] = {
        {NULL, NULL, -1, 0, {0}},
        {NULL, NULL, 5, 1, {5}},
        {NULL, "{}", 5, 1, {5}},
        {NULL, "{\"eos_token_id\": null}", 5, 1, {5}},
        {NULL, "{\"eos_token_id\": -1}", 5, 1, {5}},
        {NULL, "{\"eos_token_id\": []}", 5, 1, {5}},
        {NULL, "{\"eos_token_id\": 0}", 5, 1, {0}},
        {NULL, "{\"eos_token_id\": [7, 2, 9]}", -1, 3, {7, 2, 9}},
        {"{\"eos_token_id\": 3}", "{\"eos_token_id\": [7, 2, 9]}", 5, 1, {3}},
        {"{\"eos_token_id\": [1, 1, 0, 1]}", "{\"eos_token_id\": 7}", 5, 2, {1, 0}},
        {"{\"bos_token_id\": 3}", "{\"eos_token_id\": 7}", 5, 1, {7}},
        {"{\"eos_token_id\": 3}", "{\"eos_token_id\": \"not looked at\"}", 5, 1, {3}},
        {"{\"eos_token_id\": 2147483647}", NULL, 5, 1, {2147483647}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct dm_token_list stops;
        dm_error error;
        write_files(cases[i].generation, cases[i].config);
        if (dm_stop_tokens_read(test_directory, cases[i].end, &stops, &error))
            fail_msg("case %zu: %s", i, error.message);
        if (stops.n != cases[i].n ||
            memcmp(stops.ids, cases[i].ids, stops.n * sizeof *stops.ids) != 0)
            fail_msg("case %zu: %zu tokens, %d first", i, stops.n, (int)stops.ids[0]);
    }
    (void)state;
}

static void faults_name_the_file(void **state) {
    static const struct {
        const char *generation, *config;
        dm_status status;
        const char *part;
    } cases[] = {
        {"{", NULL, DM_ERROR_FORMAT, "generation_config.json:1: not valid JSON"},
        {"3", NULL, DM_ERROR_FORMAT, "generation_config.json: not a JSON object"},
        {"{\"eos_token_id\": \"</s>\"}", NULL, DM_ERROR_FORMAT,
         "generation_config.json: \"eos_token_id\" must be a token id"},
        {NULL, "{\"eos_token_id\": [1, 2.5]}", DM_ERROR_FORMAT,
         "config.json: \"eos_token_id\" must be a token id"},
        {NULL, "{\"eos_token_id\": 2147483648}", DM_ERROR_FORMAT, "must be a token id"},
    };
    struct dm_token_list stops;
    dm_error error;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_files(cases[i].generation, cases[i].config);
        dm_stop_tokens_read(test_directory, 5, &stops, &error);
        test_expect_error(&error, cases[i].status, cases[i].part);
    }
    char many[256];
    int n = snprintf(many, sizeof many, "{\"eos_token_id\": [0");
    for (int id = 1; id <= DM_MAX_TOKEN_LIST; id++)
        n += snprintf(many + n, sizeof many - (size_t)n, ", %d", id);
    snprintf(many + n, sizeof many - (size_t)n, "]}");
    write_files(many, NULL);
    dm_stop_tokens_read(test_directory, 5, &stops, &error);
    test_expect_error(&error, DM_ERROR_UNSUPPORTED, "\"eos_token_id\" lists more than 32 tokens");
    (void)state;
}

/* The same for all: the library's own function. */
static void the_library_offers_them(void **state) {
    dm_tokenizer *tokenizer;
    dm_error error;
    int32_t *ids;
    size_t n_id;
    assert_int_equal(dm_tokenizer_load(test_data("gguf/tokens"), &tokenizer, &error), DM_OK);
    write_files(NULL, "{}");
    assert_int_equal(dm_checkpoint_stop_tokens(test_directory, tokenizer, &ids, &n_id, &error), 0);
    assert_int_equal(n_id, 1);
    assert_int_equal(ids[0], 261); /* its <|endoftext|> */
    dm_free(ids);
    assert_int_equal(dm_checkpoint_stop_tokens(test_directory, NULL, &ids, &n_id, &error), 0);
    assert_int_equal(n_id, 0);
    dm_free(ids);
    write_files("{\"eos_token_id\": [8, 4]}", "{}");
    assert_int_equal(dm_checkpoint_stop_tokens(test_directory, tokenizer, &ids, &n_id, &error), 0);
    assert_int_equal(n_id, 2);
    assert_int_equal(ids[0], 8);
    assert_int_equal(ids[1], 4);
    dm_free(ids);
    dm_tokenizer_free(tokenizer);
    assert_int_equal(dm_checkpoint_stop_tokens(NULL, NULL, &ids, &n_id, &error), DM_ERROR_ARGUMENT);
    (void)state;
}

static void survives_short_memory(void **state) {
    size_t live = dm_memory_live(), n = 1;
    int32_t *ids;
    size_t n_id;
    dm_error error;
    write_files("{}", "{\"eos_token_id\": [8, 4]}");
    for (dm_status status = DM_ERROR_MEMORY; status; n++) {
        dm_memory_fail_at(n);
        status = dm_checkpoint_stop_tokens(test_directory, NULL, &ids, &n_id, &error);
        dm_memory_fail_at(0);
        assert_true(!status || status == DM_ERROR_MEMORY);
        assert_int_equal(dm_memory_live(), live + !status);
    }
    dm_free(ids);
    assert_true(n > 5);
    (void)state;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, test_set_up, test_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_first_file_that_names_some_decides),
        TEST(faults_name_the_file),
        TEST(the_library_offers_them),
        TEST(survives_short_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
