/* GGUF files that were made of a directory, read again: as models, as tokenizers, and converted back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test_support.h"
#include "test_warnings.h"

#include "base/json.h"
#include "base/memory.h"
#include "base/model_folder.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/stop_tokens.h"
#include "gguf/gguf_export.h"
#include "text/normalize.h"
#include "text/test_tokenizer_cases.h"

static const char *inside(const char *name) {
    return test_join(test_directory, name);
}

static void expect_same_file(const char *a, const char *b) {
    size_t n_a, n_b;
    unsigned char *x = test_read_file(a, &n_a), *y = test_read_file(b, &n_b);
    assert_int_equal(n_a, n_b);
    assert_memory_equal(x, y, n_a);
    free(x);
    free(y);
}

/* A model of `n_row` tokens, without a tokenizer. */
static void make_model(int n_row) {
    dm_error error;
    char shape[80];
    snprintf(shape, sizeof shape, "{\"d_model\": 8, \"n_layer\": 1, \"vocab_size\": %d}", n_row);
    test_write_text(inside("shape.json"), shape);
    if (access(inside("in"), F_OK) == 0)
        test_remove_directory(inside("in"));
    require(dm_checkpoint_init(inside("shape.json"), inside("in"), 0, 1, &error), &error);
}

static void export(const char *directory, const char *path) {
    dm_error error;
    require(dm_gguf_export(directory, path, DM_DTYPE_AUTO, &error), &error);
}

/* ---- Tokenizers ---- */

/* Texts of the cases get the ids, and ids the texts, that the libraries give
 * (tests/data/tokenizer): what llama.cpp's name for the way to split stands for is the same
 * parts. */
static void tokenize_as_the_directory(void **state) {
    static const char *const kinds[] = {"falcon", "llama3", "starcoder"};
    test_hear_warnings();
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char kind[TEST_MAX_PATH];
        snprintf(kind, sizeof kind, "%s", test_join(test_data("tokenizer/kinds"), kinds[i]));
        make_model(1000);
        test_copy_file(test_join(kind, "tokenizer.json"), inside("in/tokenizer.json"));
        export(inside("in"), inside("x.gguf"));
        print_message("%s\n", kinds[i]);
        assert_true(tokenizer_cases_check_with(inside("x.gguf"), kind, NULL) >= 100);
    }
    (void)state;
}

static void expect_same_text(const dm_tokenizer *a, const dm_tokenizer *b, const int32_t *ids,
                             size_t n_id) {
    char *x, *y;
    size_t n_x, n_y;
    require(dm_tokenizer_decode(a, ids, n_id, 1, &x, &n_x, NULL), NULL);
    require(dm_tokenizer_decode(b, ids, n_id, 1, &y, &n_y, NULL), NULL);
    assert_int_equal(n_x, n_y);
    assert_memory_equal(x, y, n_x);
    dm_free(x);
    dm_free(y);
}

/* Whether both give a text the same ids, and these the same text. */
static bool is_same(const dm_tokenizer *a, const dm_tokenizer *b, const char *text, size_t n_byte) {
    int32_t *x, *y;
    size_t n_x, n_y;
    require(dm_tokenizer_encode(a, text, n_byte, &x, &n_x, NULL), NULL);
    require(dm_tokenizer_encode(b, text, n_byte, &y, &n_y, NULL), NULL);
    bool same = n_x == n_y && !memcmp(x, y, n_x * sizeof *x);
    expect_same_text(a, b, x, n_x);
    dm_free(x);
    dm_free(y);
    return same;
}

static bool is_nfc(const char *text, size_t n_byte) {
    struct dm_normalizer scratch = {0};
    const char *normal;
    size_t n_normal;
    assert_true(dm_normalize_nfc(&scratch, text, n_byte, &normal, &n_normal));
    bool same = n_normal == n_byte && !memcmp(normal, text, n_byte);
    dm_normalizer_close(&scratch);
    return same;
}

/* On the texts of a file of cases, at least 100. Those that are not in NFC are left out where a
 * directory's tokenizer brings them to it: llama.cpp has no place for that, and exporting says so. */
static void expect_same_tokens(const char *a, const char *b, const char *cases, bool nfc) {
    dm_tokenizer *x = tokenizer_cases_load(a), *y = tokenizer_cases_load(b);
    size_t n_byte, n_text = 0;
    char *lines = (char *)test_read_file(cases, &n_byte), *next = NULL;
    for (char *line = strtok_r(lines, "\n", &next); line; line = strtok_r(NULL, "\n", &next)) {
        json_t *expected;
        dm_error error;
        require(dm_json_parse(line, strlen(line), cases, &expected, &error), &error);
        const json_t *text = json_object_get(expected, "text");
        const char *bytes = json_string_value(text);
        size_t n = json_string_length(text);
        if (text && (!nfc || is_nfc(bytes, n))) {
            n_text++;
            if (!is_same(x, y, bytes, n))
                fail_msg("%s and %s differ on: %s", a, b, bytes);
        }
        json_decref(expected);
    }
    assert_true(n_text >= 100);
    free(lines);
    dm_tokenizer_free(x);
    dm_tokenizer_free(y);
}

/* What a pattern, an added token, or a piece for each byte make of other kinds' texts. */
static void tokenize_all_texts_as_the_directory(void **state) {
    static const struct {
        const char *source, *name;
        bool nfc;
    } kinds[] = {{"tests/data/tokenizer/kinds/qwen2/tokenizer.json", "tokenizer.json", true},
                 {"tests/data/tokenizer/kinds/falcon/tokenizer.json", "tokenizer.json", false},
                 {"tests/data/gguf/tokens/tokenizer.json", "tokenizer.json", true},
                 {"fuzz/corpus/tokenizer_json/pieces_bytes", "tokenizer.model", false}};
    static const char *const texts[] = {"qwen2", "falcon", "pieces", "llama2"};
    test_hear_warnings();
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        size_t n_byte, skip = !strcmp(kinds[i].name, "tokenizer.model"); /* of a seed */
        unsigned char *bytes = test_read_file(test_source(kinds[i].source), &n_byte);
        make_model(1000);
        test_write_file(test_join(inside("in"), kinds[i].name), bytes + skip, n_byte - skip);
        free(bytes);
        export(inside("in"), inside("x.gguf"));
        for (size_t t = 0; t < sizeof texts / sizeof *texts; t++) {
            char folder[64], from[TEST_MAX_PATH], to[TEST_MAX_PATH];
            snprintf(folder, sizeof folder, "tokenizer/kinds/%s/expected.jsonl", texts[t]);
            snprintf(from, sizeof from, "%s", inside("in"));
            snprintf(to, sizeof to, "%s", inside("x.gguf"));
            expect_same_tokens(from, to, test_data(folder), kinds[i].nfc);
        }
    }
    (void)state;
}

/* ---- Settings ---- */

static void name_the_same_special_tokens(void **state) {
    struct dm_token_list stops;
    json_t *settings;
    char *path;
    dm_error error;
    make_model(272);
    test_copy_file(test_data("gguf/tokens/tokenizer.json"), inside("in/tokenizer.json"));
    test_write_text(
        inside("in/tokenizer_config.json"),
        "{\"eos_token\": \"<|endoftext|>\", \"unk_token\": \"<s>\", \"chat_template\": ["
        "{\"name\": \"default\", \"template\": \"{{ messages }}\"},"
        "{\"name\": \"tool_use\", \"template\": \"{{ tools }}\"}]}");
    test_write_text(inside("in/generation_config.json"),
                    "{\"bos_token_id\": 264, \"eos_token_id\": [7, 261, 9]}");
    test_hear_warnings();
    export(inside("in"), inside("x.gguf"));
    dm_tokenizer *tokenizer = tokenizer_cases_load(inside("x.gguf"));
    assert_int_equal(dm_tokenizer_end(tokenizer), 261);
    dm_tokenizer_free(tokenizer);
    require(dm_stop_tokens_read(inside("x.gguf"), -1, &stops, &error), &error);
    assert_int_equal(stops.n, 3); /* the tokenizer's own comes first */
    assert_int_equal(stops.ids[0], 261);
    assert_int_equal(stops.ids[1], 7);
    assert_int_equal(stops.ids[2], 9);
    require(dm_model_json(inside("x.gguf"), "tokenizer_config.json", &settings, &error), &error);
    json_t *expected = json_pack(
        "{s:s, s:s, s:s, s:s, s:b, s:b, s:[{s:s, s:s}, {s:s, s:s}]}", "tokenizer_class",
        "PreTrainedTokenizerFast", "bos_token", "<mask>", "eos_token", "<|endoftext|>", "unk_token",
        "<s>", "add_bos_token", 0, "add_eos_token", 0, "chat_template", "name", "default",
        "template", "{{ messages }}", "name", "tool_use", "template", "{{ tools }}");
    assert_true(json_equal(settings, expected));
    json_decref(expected);
    json_decref(settings);
    require(dm_model_json(inside("x.gguf"), "config.json", &settings, &error), &error);
    assert_null(settings);
    require(dm_model_file(inside("x.gguf"), "decimamba.json", &path, &error), &error);
    assert_string_equal(path, inside("x.gguf.decimamba.json"));
    dm_memory_free(path);
    (void)state;
}

/* ---- Converting ---- */

/* A directory, a file of it, a directory of that, and a file again: both files are the same bytes. */
static void convert_there_and_back(void **state) {
    static const char *const files[] = {"tokenizer.json", "tokenizer_config.json", NULL};
    dm_error error;
    test_hear_warnings();
    for (int pieces = 0; pieces < 2; pieces++) {
        make_model(pieces ? 1000 : 272);
        if (pieces) {
            size_t n_byte;
            unsigned char *seed =
                test_read_file(test_source("fuzz/corpus/tokenizer_json/pieces_bytes"), &n_byte);
            test_write_file(inside("in/tokenizer.model"), seed + 1, n_byte - 1);
            free(seed);
        } else {
            for (size_t i = 0; files[i]; i++)
                test_copy_file(test_join(test_data("gguf/tokens"), files[i]),
                               test_join(inside("in"), files[i]));
        }
        export(inside("in"), inside("in.gguf"));
        test_write_text(inside("in.gguf.decimamba.json"), "{\"version\": 1}");
        test_remove_directory(inside("in"));
        require(dm_checkpoint_convert(inside("in.gguf"), inside("in"), DM_DTYPE_AUTO, &error),
                &error);
        expect_same_file(inside("in/decimamba.json"), inside("in.gguf.decimamba.json"));
        export(inside("in"), inside("back.gguf"));
        expect_same_file(inside("back.gguf"), inside("in.gguf"));
        mkdir(inside("copy"), 0777);
        test_copy_file(inside("in.gguf"), inside("copy/in.gguf"));
        export(inside("copy/in.gguf"), inside("back.gguf"));
        expect_same_file(inside("back.gguf"), inside("in.gguf"));
    }
    (void)state;
}

/* Blocks become float32 where nothing else is said. */
static void convert_blocks(void **state) {
    dm_error error;
    struct dm_checkpoint *file, *folder;
    float a, b;
    char path[TEST_MAX_PATH];
    snprintf(path, sizeof path, "%s", test_data("gguf/types/model.gguf"));
    require(dm_checkpoint_convert(path, inside("f32"), DM_DTYPE_AUTO, &error), &error);
    require(dm_checkpoint_open(path, &file, &error), &error);
    require(dm_checkpoint_open(inside("f32"), &folder, &error), &error);
    const struct dm_parameters *parameters = dm_checkpoint_parameters(file);
    for (size_t i = 0; i < parameters->n; i++) {
        const struct dm_parameter *parameter = &parameters->list[i];
        struct dm_weight x = dm_checkpoint_weight(file, parameter->layer, parameter->index),
                         y = dm_checkpoint_weight(folder, parameter->layer, parameter->index);
        assert_int_equal(y.dtype, DM_DTYPE_F32);
        assert_int_equal(x.n_element, y.n_element);
        for (size_t e = 0; e < x.n_element; e++) {
            dm_weight_to_float(x, e, 1, &a);
            dm_weight_to_float(y, e, 1, &b);
            assert_true(a == b);
        }
    }
    dm_checkpoint_close(file);
    dm_checkpoint_close(folder);
    (void)state;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, test_set_up, test_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(tokenize_as_the_directory),
        TEST(tokenize_all_texts_as_the_directory),
        TEST(name_the_same_special_tokens),
        TEST(convert_there_and_back),
        TEST(convert_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
