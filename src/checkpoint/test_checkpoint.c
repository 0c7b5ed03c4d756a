#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "checkpoint/test_weights.h"

#include "base/half.h"
#include "base/mapped_file.h"
#include "base/memory.h"
#include "base/random.h"
#include "checkpoint/safetensors.h"

/* Opens it if it is sound, and reads every byte; else there is an error and no leak. */
static bool try_to_open(const char *path) {
    struct dm_checkpoint *checkpoint;
    dm_error error = {0};
    char hex[33];
    size_t live = dm_memory_live();
    dm_status status = dm_checkpoint_open(path, &checkpoint, &error);
    if (!status) {
        dm_checkpoint_hash(checkpoint, hex);
        dm_checkpoint_close(checkpoint);
    } else {
        assert_int_equal(error.status, status);
        assert_true(error.message[0]);
    }
    assert_int_equal(dm_memory_live(), live);
    return !status;
}

static void reads_golden_files_alike(void **state) {
    static const char *const names[] = {"golden/tiny-a", "golden/tiny-b-odd"};
    for (size_t i = 0; i < 2; i++) {
        test_bring(names[i], "config.json");
        test_bring(names[i], "pytorch_model.bin");
        test_same_weights(test_data(names[i]), test_directory);
    }
    struct dm_checkpoint *a = test_open_checkpoint(test_data(names[0])),
                         *b = test_open_checkpoint(test_data(names[1]));
    const struct dm_model_config *config = dm_checkpoint_config(b);
    assert_false(dm_checkpoint_config(a)->tie_word_embeddings);
    assert_true(config->tie_word_embeddings);
    assert_int_equal(dm_model_size(config, "d_inner"), 120);
    assert_int_equal(config->vocab_size, 104);
    char hash_a[33], hash_b[33];
    dm_checkpoint_hash(a, hash_a);
    dm_checkpoint_hash(b, hash_b);
    assert_string_not_equal(hash_a, hash_b);
    dm_checkpoint_close(a);
    dm_checkpoint_close(b);
    (void)state;
}

/* Finds the weight of a name in either dialect. */
static struct dm_weight find(const struct dm_checkpoint *checkpoint, const char *name) {
    const struct dm_parameters *parameters = dm_checkpoint_parameters(checkpoint);
    if (!strcmp(name, dm_official_embedding))
        return dm_checkpoint_weight(checkpoint, DM_NO_LAYER, DM_EMBEDDING);
    for (size_t p = 0; p < parameters->n; p++)
        if (!strcmp(parameters->list[p].name, name))
            return dm_checkpoint_weight(checkpoint, parameters->list[p].layer,
                                        parameters->list[p].index);
    fail_msg("%s is no weight", name);
    return (struct dm_weight){0};
}

/* Compares with expected.txt, which PyTorch wrote. */
static void expect_values(const char *path) {
    struct dm_checkpoint *checkpoint = test_open_checkpoint(path);
    FILE *file = fopen(test_join(path, "expected.txt"), "r");
    assert_non_null(file);
    char name[128], dtype[8];
    size_t n, n_line = 0;
    double first, last, sum;
    while (fscanf(file, "%127s %7s %zu %la %la %la", name, dtype, &n, &first, &last, &sum) == 6) {
        struct dm_weight weight = find(checkpoint, name);
        assert_non_null(weight.data);
        assert_string_equal(dm_dtype_name(weight.dtype), dtype);
        assert_int_equal(weight.n_element, n);
        float *values = malloc(n * sizeof *values), one;
        dm_weight_to_float(weight, 0, n, values);
        double total = 0;
        for (size_t i = 0; i < n; i++)
            total += values[i];
        assert_true(values[0] == first && values[n - 1] == last && total == sum);
        dm_weight_to_float(weight, n - 1, 1, &one);
        assert_true(one == last);
        free(values);
        n_line++;
    }
    fclose(file);
    assert_true(n_line >= 22);
    dm_checkpoint_forget_pages(checkpoint);
    dm_checkpoint_close(checkpoint);
}

static const char *const sound_cases[] = {
    "checkpoints/mamba-sharded",
    "checkpoints/falcon-mamba",
    "checkpoints/mamba-biases-f16",
    "checkpoints/official-safetensors",
    "checkpoints/official-strided-bin",
    "checkpoints/official-compressed-bin",
    "checkpoints/official-parameter-shards",
};
enum { n_sound_case = sizeof sound_cases / sizeof *sound_cases };

static void reads_every_kind(void **state) {
    for (size_t i = 0; i < n_sound_case; i++)
        expect_values(test_data(sound_cases[i]));
    test_same_weights(test_data(sound_cases[3]), test_data(sound_cases[4]));
    test_same_weights(test_data(sound_cases[3]), test_data(sound_cases[5]));
    test_same_weights(test_data(sound_cases[3]), test_data(sound_cases[6]));
    struct dm_checkpoint *checkpoint = test_open_checkpoint(test_data("checkpoints/falcon-mamba"));
    const struct dm_model_config *config = dm_checkpoint_config(checkpoint);
    assert_true(dm_model_size(config, "ssm_dt_b_c_rms") && !config->tie_word_embeddings &&
                dm_model_size(config, "d_inner") == 16);
    dm_checkpoint_close(checkpoint);
    checkpoint = test_open_checkpoint(test_data("checkpoints/mamba-biases-f16"));
    assert_false(
        dm_checkpoint_config(checkpoint)->tie_word_embeddings); /* whatever config.json says */
    dm_checkpoint_close(checkpoint);
    (void)state;
}

static void refuses_pickled_calls(void **state) {
    test_refuse_checkpoint(test_data("checkpoints/refused-call"), DM_ERROR_UNSUPPORTED, ".system");
    test_refuse_checkpoint(test_data("checkpoints/refused-legacy"), DM_ERROR_UNSUPPORTED,
                           "before version");
    (void)state;
}

static void refuses_incomplete_directories(void **state) {
    test_refuse_checkpoint(test_directory, DM_ERROR_IO, "config.json");
    test_bring("checkpoints/official-safetensors", "config.json");
    test_refuse_checkpoint(test_directory, DM_ERROR_IO, "holds no model.safetensors");
    test_refuse_checkpoint(test_join(test_directory, "none"), DM_ERROR_IO, "none/config.json");
    (void)state;
}

static void names_what_disagrees(void **state) {
    static const struct {
        const char *file, *from, *to;
        dm_status status;
        const char *part;
    } cases[] = {
        {"config.json", "\"d_state\": 4", "\"d_state\": 5", DM_ERROR_FORMAT,
         "x_proj.weight is [10, 16], but config.json says [12, 16]"},
        {"config.json", "\"d_model\": 8", "\"d_model\": 9", DM_ERROR_FORMAT,
         "backbone.embedding.weight is [16, 8], but config.json says [16, 9]"},
        {"config.json", "\"d_conv\": 3", "\"d_conv\": 4", DM_ERROR_FORMAT,
         "conv1d.weight is [16, 1, 3], but config.json says [16, 1, 4]"},
        {"config.json", "\"vocab_size\": 13", "\"vocab_size\": 17", DM_ERROR_FORMAT, "[24, 8]"},
        {"config.json", "\"n_layer\": 2", "\"n_layer\": 3", DM_ERROR_FORMAT,
         "backbone.layers.2.norm.weight is missing"},
        {"config.json", "\"n_layer\": 2", "\"n_layer\": 2147483647", DM_ERROR_FORMAT, "layers"},
        {"config.json", "\"n_layer\": 2", "\"n_layer\": 1", DM_ERROR_FORMAT,
         "belongs to no weight"},
        {"config.json", "\"d_conv\"", "\"bias\": true, \"d_conv\"", DM_ERROR_FORMAT,
         "backbone.layers.0.mixer.in_proj.bias is missing"},
        {"config.json", "\"d_conv\"", "\"conv_bias\": false, \"d_conv\"", DM_ERROR_FORMAT,
         "conv1d.bias belongs to no weight"},
        {"config.json", "\"rms_norm\"", "\"tie_embeddings\": false, \"rms_norm\"", DM_ERROR_FORMAT,
         "lm_head.weight is missing"},
        {"model.safetensors", "1.mixer.A_log", "1.mixer.A_lag", DM_ERROR_FORMAT,
         "backbone.layers.1.mixer.A_log is missing"},
        {"model.safetensors", "\"F32\"", "\"I32\"", DM_ERROR_UNSUPPORTED, "is not of type"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        test_bring("checkpoints/official-safetensors", "config.json");
        test_bring("checkpoints/official-safetensors", "model.safetensors");
        assert_true(try_to_open(test_directory));
        test_edit(cases[i].file, cases[i].from, cases[i].to);
        test_refuse_checkpoint(test_directory, cases[i].status, cases[i].part);
    }
    (void)state;
}

static void refuses_faulty_indexes(void **state) {
    static const struct {
        const char *from, *to, *part;
    } cases[] = {
        {"\"weight_map\"", "\"weight_mop\"", "\"weight_map\" must be an object"},
        {"model-00001-of", "../00001-of", "the name of a file in the same directory"},
        {"model-00001-of", "/odel-00001-of", "the name of a file in the same directory"},
        {"\"model-00001-of-00002.safetensors\"", "\"..\"", "the name of a file"},
        {"\"model-00001-of-00002.safetensors\"", "\"\"", "the name of a file"},
        {"\"model-00001-of-00002.safetensors\"", "7", "the name of a file"},
        {"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "which"},
        {"backbone.layers.0.mixer.D", "backbone.layers.0.mixer.E", "no file"},
        {"\"weight_map\": {", "\"weight_map\": {\"more\": \"model-00001-of-00002.safetensors\",",
         "tensor more is not in"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        test_bring("checkpoints/mamba-sharded", "config.json");
        test_bring("checkpoints/mamba-sharded", "model.safetensors.index.json");
        test_bring("checkpoints/mamba-sharded", "model-00001-of-00002.safetensors");
        test_bring("checkpoints/mamba-sharded", "model-00002-of-00002.safetensors");
        assert_true(try_to_open(test_directory));
        test_edit("model.safetensors.index.json", cases[i].from, cases[i].to);
        test_refuse_checkpoint(test_directory, DM_ERROR_FORMAT, cases[i].part);
    }
    test_bring("checkpoints/mamba-sharded", "model.safetensors.index.json");
    remove(test_join(test_directory, "model-00002-of-00002.safetensors"));
    test_refuse_checkpoint(test_directory, DM_ERROR_IO, "model-00002-of-00002.safetensors");
    (void)state;
}

/* Every file of every kind of checkpoint, cut at every byte. */
static void survives_truncation(void **state) {
    static const struct {
        const char *checkpoint, *files[4];
    } cases[] = {
        {"checkpoints/official-safetensors", {"config.json", "model.safetensors"}},
        {"checkpoints/mamba-sharded",
         {"config.json", "model.safetensors.index.json", "model-00001-of-00002.safetensors",
          "model-00002-of-00002.safetensors"}},
        {"checkpoints/official-strided-bin", {"config.json", "pytorch_model.bin"}},
        {"checkpoints/official-compressed-bin", {"config.json", "pytorch_model.bin"}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        test_remove_directory(test_directory);
        test_make_directory(test_directory);
        for (size_t j = 0; j < 4 && cases[i].files[j]; j++)
            test_bring(cases[i].checkpoint, cases[i].files[j]);
        assert_true(try_to_open(test_directory));
        for (size_t j = 0; j < 4 && cases[i].files[j]; j++) {
            const char *path = test_join(test_directory, cases[i].files[j]);
            size_t n;
            unsigned char *bytes = test_read_file(path, &n);
            while (n && bytes[n - 1] == '\n') /* a config.json is whole without it */
                n--;
            while (n--) {
                assert_int_equal(truncate(path, (off_t)n), 0);
                if (try_to_open(test_directory))
                    fail_msg("%s is accepted with %zu bytes", path, n);
                path = test_join(test_directory, cases[i].files[j]);
            }
            free(bytes);
            test_bring(cases[i].checkpoint, cases[i].files[j]);
        }
    }
    (void)state;
}

/* Random bytes in random places: an error or a checkpoint, never a crash. */
static void survives_changed_bytes(void **state) {
    static const struct {
        const char *checkpoint, *file;
        size_t n_front, n_back; /* only these ends are changed: the middle is weights */
        int n_change;
    } cases[] = {
        {"checkpoints/official-safetensors", "config.json", 9999, 0, 500},
        {"checkpoints/official-safetensors", "model.safetensors", 2300, 0, 2000},
        {"checkpoints/official-strided-bin", "pytorch_model.bin", 4000, 3000, 2000},
        {"checkpoints/official-compressed-bin", "pytorch_model.bin", 99999, 0, 1000},
    };
    struct dm_random random;
    dm_random_seed(&random, 11);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        test_remove_directory(test_directory);
        test_make_directory(test_directory);
        test_bring(cases[i].checkpoint, "config.json");
        test_bring(cases[i].checkpoint, i < 2 ? "model.safetensors" : "pytorch_model.bin");
        char path[TEST_MAX_PATH];
        snprintf(path, sizeof path, "%s", test_join(test_directory, cases[i].file));
        size_t n, n_refused = 0;
        unsigned char *bytes = test_read_file(path, &n);
        size_t n_front = cases[i].n_front < n ? cases[i].n_front : n;
        FILE *file = fopen(path, "r+b");
        setvbuf(file, NULL, _IONBF, 0);
        for (int change = 0; change < cases[i].n_change; change++) {
            size_t offset = dm_random_below(&random, n_front + cases[i].n_back);
            if (offset >= n_front)
                offset += n - n_front - cases[i].n_back;
            fseek(file, (long)offset, SEEK_SET);
            fputc((int)dm_random_below(&random, 256), file);
            n_refused += !try_to_open(test_directory);
            fseek(file, (long)offset, SEEK_SET);
            fputc(bytes[offset], file);
        }
        fclose(file);
        free(bytes);
        assert_true(try_to_open(test_directory)); /* all changes were undone */
        assert_true(n_refused > 50);
    }
    (void)state;
}

static void survives_short_memory(void **state) {
    for (size_t i = 0; i < n_sound_case; i++) {
        size_t live = dm_memory_live(), n = 1;
        for (;; n++) {
            struct dm_checkpoint *checkpoint;
            dm_error error = {0};
            dm_memory_fail_at(n);
            dm_status status = dm_checkpoint_open(test_data(sound_cases[i]), &checkpoint, &error);
            dm_memory_fail_at(0);
            if (!status) {
                dm_checkpoint_close(checkpoint);
                break;
            }
            assert_int_equal(status, DM_ERROR_MEMORY);
            assert_int_equal(error.status, DM_ERROR_MEMORY);
            assert_int_equal(dm_memory_live(), live);
        }
        assert_int_equal(dm_memory_live(), live);
        assert_true(n > 5);
    }
    dm_checkpoint_close(NULL);
    (void)state;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, test_set_up, test_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(reads_golden_files_alike), TEST(reads_every_kind),
        TEST(refuses_pickled_calls),    TEST(refuses_incomplete_directories),
        TEST(names_what_disagrees),     TEST(refuses_faulty_indexes),
        TEST(survives_truncation),      TEST(survives_changed_bytes),
        TEST(survives_short_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
