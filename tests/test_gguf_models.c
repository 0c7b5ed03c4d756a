/* Models in GGUF files: against other programs' numbers on the same file (see
 * scripts/make_gguf_reading_cases.py), and against the directory that a file was made of. */
#include "engine.h"

#include <unistd.h>

static const char *inside(const char *name) {
    return test_join(test_directory, name);
}

/* Logits [n_id, vocabulary] of plain reading. */
static float *logits_of(const char *path, dm_dtype dtype, const int32_t *ids, size_t n_id,
                        size_t *n_logit) {
    dm_method_options plain = DM_METHOD_OPTIONS_INIT;
    dm_model_options options = DM_MODEL_OPTIONS_INIT;
    dm_model *model;
    dm_error error;
    options.dtype = dtype;
    options.n_thread = 2;
    require(dm_model_load(path, &options, &model, &error), &error);
    plain.keep_tail = n_id;
    *n_logit = n_id * vocab_of(model);
    float *logits = some(*n_logit, sizeof *logits);
    dm_session *session = new_session(model, &plain);
    read_text(session, ids, n_id);
    close_text(session, n_id, logits);
    dm_session_free(session);
    dm_model_free(model);
    return logits;
}

/* The largest difference to the rows that another program computed. */
static double worst_difference(const json_t *expected, const json_t *rows, const float *logits,
                               size_t n_vocab) {
    double worst = 0;
    for (size_t r = 0; r < json_array_size(rows); r++) {
        size_t row = (size_t)json_integer_value(json_array_get(rows, r));
        const json_t *wanted = json_array_get(expected, r);
        assert_int_equal(json_array_size(wanted), n_vocab);
        for (size_t i = 0; i < n_vocab; i++) {
            double other = json_number_value(json_array_get(wanted, i));
            worst = fmax(worst, fabs((double)logits[row * n_vocab + i] - other));
        }
    }
    return worst;
}

/* A matrix of each type: Q4_0, Q8_0, Q4_K, Q5_K (the embedding), Q6_K and BF16. Logits spread by 1;
 * products of blocks as they are round activations to 8 bits, as llama.cpp's do. */
static void agree_with_others_on_every_type(void **state) {
    json_t *expected = json_load_file(test_data("gguf/types/logits.json"), 0, NULL);
    const json_t *listed = json_object_get(expected, "ids"),
                 *rows = json_object_get(expected, "rows");
    size_t n_id = json_array_size(listed), n_logit;
    assert_true(n_id > 0 && json_array_size(rows) > 0);
    int32_t *ids = some(n_id, sizeof *ids);
    for (size_t i = 0; i < n_id; i++)
        ids[i] = (int32_t)json_integer_value(json_array_get(listed, i));
    double apart[2][2]; /* in float32, as they are; from transformers, from llama.cpp */
    for (int as_stored = 0; as_stored < 2; as_stored++) {
        float *logits = logits_of(test_data("gguf/types/model.gguf"),
                                  as_stored ? DM_DTYPE_AUTO : DM_DTYPE_F32, ids, n_id, &n_logit);
        for (int other = 0; other < 2; other++)
            apart[as_stored][other] =
                worst_difference(json_object_get(expected, other ? "llama_cpp" : "transformers"),
                                 rows, logits, n_logit / n_id);
        print_message("%s: transformers %.1e, llama.cpp %.1e apart\n",
                      as_stored ? "as stored" : "in float32", apart[as_stored][0],
                      apart[as_stored][1]);
        free(logits);
    }
    assert_true(apart[0][0] <= 1e-5);
    assert_true(apart[0][1] <= 0.1 && apart[1][0] <= 0.1 && apart[1][1] <= 0.1);
    free(ids);
    json_decref(expected);
    (void)state;
}

/* A file of float32 is the same model, bit for bit: A comes out as it went in. */
static void are_the_directory_s_bits(void **state) {
    static const char *const folders[] = {"golden/tiny-a", "transformers/mamba-tied-bf16",
                                          "transformers/mamba-no-conv-bias", "gguf/tokens",
                                          "mamba2/plain"};
    enum { N_ID = 20 };
    int32_t ids[N_ID];
    for (int i = 0; i < N_ID; i++)
        ids[i] = i * i % 17;
    for (size_t f = 0; f < sizeof folders / sizeof *folders; f++) {
        char folder[TEST_MAX_PATH];
        dm_error error;
        size_t n_logit, n_other;
        snprintf(folder, sizeof folder, "%s", test_data(folders[f]));
        require(dm_checkpoint_export_gguf(folder, inside("x.gguf"), DM_DTYPE_F32, &error), &error);
        require(dm_checkpoint_convert(inside("x.gguf"), inside("back"), DM_DTYPE_F32, &error),
                &error);
        require(dm_checkpoint_convert(folder, inside("f32"), DM_DTYPE_F32, &error), &error);
        float *logits = logits_of(inside("f32"), DM_DTYPE_AUTO, ids, N_ID, &n_logit);
        const char *const others[] = {"x.gguf", "back"};
        for (int i = 0; i < 2; i++) {
            float *other = logits_of(inside(others[i]), DM_DTYPE_AUTO, ids, N_ID, &n_other);
            assert_int_equal(n_other, n_logit);
            assert_memory_equal(other, logits, n_logit * sizeof *logits);
            free(other);
        }
        free(logits);
        test_remove_directory(inside("back"));
        test_remove_directory(inside("f32"));
    }
    (void)state;
}

/* As A_log begins, a logarithm of a whole number, it comes out of A as it was:
 * then a session of either belongs to both. */
static void share_session_files(void **state) {
    static const int32_t ids[] = {3, 1, 4, 1, 5, 9, 2, 6};
    enum { N_ID = sizeof ids / sizeof *ids };
    dm_error error;
    float first[16], second[16];
    dm_session *session;
    test_write_text(inside("shape.json"), "{\"d_model\": 8, \"n_layer\": 2, \"vocab_size\": 16}");
    require(dm_checkpoint_init(inside("shape.json"), inside("folder"), DM_DTYPE_BF16, 1, &error),
            &error);
    require(dm_checkpoint_export_gguf(inside("folder"), inside("x.gguf"), DM_DTYPE_AUTO, &error),
            &error);
    dm_model *folder = load_model(inside("folder"), NULL, 1),
             *file = load_model(inside("x.gguf"), NULL, 1);
    session = new_session(folder, NULL);
    read_text(session, ids, N_ID);
    require(dm_session_save(session, inside("session"), &error), &error);
    close_text(session, 1, first);
    dm_session_free(session);
    require(dm_session_restore(file, inside("session"), &session, &error), &error);
    close_text(session, 1, second);
    assert_memory_equal(first, second, sizeof first);
    dm_session_free(session);
    dm_model_free(folder);
    dm_model_free(file);
    (void)state;
}

/* Settings lie beside the file. */
static void keep_settings_beside_them(void **state) {
    enum { N_ID = 400 };
    int32_t ids[N_ID];
    dm_error error;
    dm_calibration_options options = DM_CALIBRATION_OPTIONS_INIT;
    dm_model_info info = DM_MODEL_INFO_INIT;
    options.length = 64;
    for (int i = 0; i < N_ID; i++)
        ids[i] = i * i % 17;
    test_copy_file(test_data("gguf/types/model.gguf"), inside("x.gguf"));
    dm_model *model = load_model(inside("x.gguf"), NULL, 1);
    require(dm_model_get_info(model, &info, &error), &error);
    assert_false(info.has_defaults);
    assert_string_equal(info.stored_type, "q4_K");
    require(dm_calibrate(model, ids, N_ID, &options, inside("x.gguf"), &error), &error);
    dm_model_free(model);
    assert_int_equal(access(inside("x.gguf.decimamba.json"), F_OK), 0);
    model = load_model(inside("x.gguf"), NULL, 1);
    require(dm_model_get_info(model, &info, &error), &error);
    assert_true(info.has_defaults);
    dm_model_free(model);
    require(dm_checkpoint_export_gguf(inside("x.gguf"), inside("y.gguf"), DM_DTYPE_AUTO, &error),
            &error);
    size_t n_byte, n_copied;
    unsigned char *settings = test_read_file(inside("x.gguf.decimamba.json"), &n_byte);
    unsigned char *copied = test_read_file(inside("y.gguf.decimamba.json"), &n_copied);
    assert_int_equal(n_copied, n_byte);
    assert_memory_equal(copied, settings, n_byte);
    free(settings);
    free(copied);
    (void)state;
}

/* Sets the number behind a key and its type. */
static void set_number(const char *path, const char *key, unsigned char number) {
    size_t n_byte, n = strlen(key), i = 0;
    unsigned char *bytes = test_read_file(path, &n_byte);
    while (i + n + 8 <= n_byte && memcmp(bytes + i, key, n) != 0)
        i++;
    assert_true(i + n + 8 <= n_byte);
    memset(bytes + i + n + 4, 0, 4);
    bytes[i + n + 4] = number;
    test_write_file(path, bytes, n_byte);
    free(bytes);
}

/* What config.json says of such sizes is checked of a file's, too. */
static void name_sizes_of_mamba2_that_cannot_be(void **state) {
    static const struct {
        const char *key;
        unsigned char number;
        const char *part;
    } cases[] = {
        {"mamba2.ssm.time_step_rank", 0, "key mamba2.ssm.time_step_rank must be in 1 .. 2^31 - 1"},
        {"mamba2.ssm.time_step_rank", 251, "\"head_dim\" must be in 1 .. 2^31 - 1"},
        {"mamba2.ssm.time_step_rank", 3, "\"num_heads\" times \"head_dim\" is"},
        {"mamba2.ssm.group_count", 251, "\"n_groups\" is 251, which does not divide the"},
        {"mamba2.ssm.state_size", 251, "but its head says"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        dm_model *model;
        dm_error error;
        require(dm_checkpoint_export_gguf(test_data("mamba2/plain"), inside("x.gguf"), DM_DTYPE_F32,
                                          &error),
                &error);
        set_number(inside("x.gguf"), cases[i].key, cases[i].number);
        assert_int_equal(dm_model_load(inside("x.gguf"), NULL, &model, &error), DM_ERROR_FORMAT);
        test_expect_error(&error, DM_ERROR_FORMAT, cases[i].part);
        test_expect_error(&error, DM_ERROR_FORMAT, "x.gguf");
    }
    (void)state;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, test_set_up, test_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(agree_with_others_on_every_type),
        TEST(are_the_directory_s_bits),
        TEST(share_session_files),
        TEST(keep_settings_beside_them),
        TEST(name_sizes_of_mamba2_that_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
