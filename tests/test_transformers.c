/* Logits against those that transformers computes: see scripts/make_transformers_cases.py. Tied and
 * separate heads, biases, falcon-mamba's norms, weights stored in f32, bf16 and f16; and what only
 * state-spaces' Mamba-2 has: see scripts/make_mamba2_cases.py. */
#include "engine.h"
#include "transformers_cases.h"

#include "checkpoint/safetensors.h"

static double worst_difference(const char *directory, const char *cpu, dm_dtype dtype) {
    struct dm_safetensors expected;
    dm_model_options options = DM_MODEL_OPTIONS_INIT;
    dm_method_options plain = DM_METHOD_OPTIONS_INIT;
    dm_model *model;
    dm_error error;
    options.cpu = cpu;
    options.dtype = dtype;
    options.n_thread = 2;
    require(dm_model_load(directory, &options, &model, &error), &error);
    require(dm_safetensors_open(&expected, test_join(directory, "expected.safetensors"), &error),
            &error);
    const struct dm_named_tensor *ids = dm_safetensors_find(&expected, "input_ids");
    const struct dm_named_tensor *logits = dm_safetensors_find(&expected, "logits");
    assert_true(ids && logits && ids->element == DM_ELEMENT_I32);
    size_t n_id = ids->shape[0], n_logit = n_id * vocab_of(model);
    assert_int_equal(logits->n_byte, n_logit * sizeof(float));
    int32_t *text = some(n_id, sizeof *text);
    float *wanted = some(n_logit, sizeof *wanted), *given = some(n_logit, sizeof *given);
    memcpy(text, ids->data, ids->n_byte); /* the file may be unaligned */
    memcpy(wanted, logits->data, logits->n_byte);
    plain.keep_tail = n_id;
    dm_session *session = new_session(model, &plain);
    read_text(session, text, n_id);
    close_text(session, n_id, given);
    double worst = difference(given, wanted, n_logit);
    dm_session_free(session);
    dm_safetensors_close(&expected);
    dm_model_free(model);
    free(text);
    free(wanted);
    free(given);
    return worst;
}

static void test_f32(void **state) {
    (void)state;
    static const char *const cpus[] = {"reference", "avx2", "avx512"};
    for (int f = 0; f < n_folder; f++)
        for (int c = 0; c < 3; c++) {
            char directory[TEST_MAX_PATH];
            if (!has_cpu(cpus[c]))
                continue;
            snprintf(directory, sizeof directory, "%s", test_data(folders[f]));
            double worst = worst_difference(directory, cpus[c], DM_DTYPE_F32);
            print_message("%s, %s: %.1e apart\n", folders[f], cpus[c], worst);
            assert_true(worst <= 1e-5);
        }
}

/* Reads all but the last `n_step` tokens, then steps; logits of the steps. */
static void step_after_text(const char *directory, size_t limit_steps, const int32_t *ids,
                            size_t n_id, size_t n_step, float *logits) {
    dm_model_options options = DM_MODEL_OPTIONS_INIT;
    dm_method_options plain = DM_METHOD_OPTIONS_INIT;
    dm_model *model;
    dm_error error;
    options.dtype = DM_DTYPE_F32;
    options.limit_steps = limit_steps;
    require(dm_model_load(directory, &options, &model, &error), &error);
    size_t vocab_size = vocab_of(model);
    dm_session *session = new_session(model, &plain);
    read_text(session, ids, n_id - n_step);
    for (size_t i = 0; i < n_step; i++)
        require(dm_session_step(session, ids[n_id - n_step + i], logits + i * vocab_size, &error),
                &error);
    dm_session_free(session);
    dm_model_free(model);
}

/* Steps of Mamba-2 after a text, against transformers' with a cache, which passes over limits of
 * Delta in them; where they are heeded, steps give what reading does. */
static void test_steps(void **state) {
    static const char *const names[] = {"mamba2-tied-bf16", "mamba2-groups", "mamba2-limits"};
    (void)state;
    for (size_t f = 0; f < sizeof names / sizeof *names; f++) {
        char directory[TEST_MAX_PATH];
        struct dm_safetensors expected;
        dm_error error;
        snprintf(directory, sizeof directory, "%s", test_join(test_data("transformers"), names[f]));
        require(
            dm_safetensors_open(&expected, test_join(directory, "expected.safetensors"), &error),
            &error);
        const struct dm_named_tensor *ids = dm_safetensors_find(&expected, "input_ids");
        const struct dm_named_tensor *logits = dm_safetensors_find(&expected, "logits");
        const struct dm_named_tensor *steps = dm_safetensors_find(&expected, "step_logits");
        assert_true(ids && logits && steps);
        size_t n_id = ids->shape[0], n_step = steps->shape[0], n = n_step * steps->shape[1];
        int32_t *text = some(n_id, sizeof *text);
        float *wanted = some(n, sizeof *wanted), *read = some(n, sizeof *read);
        float *given = some(n, sizeof *given);
        memcpy(text, ids->data, ids->n_byte);
        memcpy(wanted, steps->data, steps->n_byte);
        memcpy(read, logits->data + logits->n_byte - steps->n_byte, steps->n_byte);
        step_after_text(directory, 0, text, n_id, n_step, given);
        assert_true(difference(given, wanted, n) <= 1e-5);
        step_after_text(directory, 1, text, n_id, n_step, given);
        assert_true(difference(given, read, n) <= 1e-5);
        assert_int_equal(difference(wanted, read, n) > 1e-3, strstr(names[f], "limits") != NULL);
        free(text);
        free(wanted);
        free(read);
        free(given);
        dm_safetensors_close(&expected);
    }
}

/* What a bf16 checkpoint gets by default: products in bf16 where the processor has it. */
static void test_default_dtype(void **state) {
    (void)state;
    for (int f = 0; f < n_folder; f++) {
        char directory[TEST_MAX_PATH];
        snprintf(directory, sizeof directory, "%s", test_data(folders[f]));
        double worst = worst_difference(directory, NULL, DM_DTYPE_AUTO);
        print_message("%s, auto: %.1e apart\n", folders[f], worst);
        assert_true(worst <= (strstr(folders[f], "bf16") ? 2e-2 : 1e-5));
    }
}

/* LoRA adapters of those models, merged: see scripts/make_adapter_cases.py. */
static void test_adapters(void **state) {
    (void)state;
    static const struct {
        const char *name, *base, *weights;
    } adapters[] = {{"peft/projections", "mamba-tied-bf16", "adapter_model.safetensors"},
                    {"peft/everything", "falcon-mamba", "adapter_model.safetensors"},
                    {"peft/another-head", "mamba-tied-bf16", "adapter_model.bin"}};
    for (size_t i = 0; i < sizeof adapters / sizeof *adapters; i++) {
        char folder[TEST_MAX_PATH], made[TEST_MAX_PATH], base[TEST_MAX_PATH];
        char written[128], named[TEST_MAX_PATH + 64];
        test_make_directory(made);
        snprintf(folder, sizeof folder, "%s", test_data(adapters[i].name));
        snprintf(base, sizeof base, "%s", test_join(test_data("transformers"), adapters[i].base));
        snprintf(written, sizeof written, "\"base_model_name_or_path\": \"%s\"", adapters[i].base);
        snprintf(named, sizeof named, "\"base_model_name_or_path\": \"%s\"", base);
        const char *const files[] = {adapters[i].weights, "adapter_config.json",
                                     "expected.safetensors"};
        for (size_t f = 0; f < 3; f++)
            test_copy_file(test_join(folder, files[f]), test_join(made, files[f]));
        test_replace(test_join(made, "adapter_config.json"), written, named);
        double worst = worst_difference(made, NULL, DM_DTYPE_F32);
        print_message("%s: %.1e apart\n", adapters[i].name, worst);
        assert_true(worst <= 1e-5);
        const char *merged = test_join(made, "merged"); /* is a folder like any other */
        dm_error error;
        require(dm_checkpoint_convert(made, merged, DM_DTYPE_F32, &error), &error);
        test_copy_file(test_join(folder, files[2]), test_join(merged, files[2]));
        assert_true(worst_difference(merged, NULL, DM_DTYPE_F32) <= 1e-5);
        test_remove_directory(made);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_f32), cmocka_unit_test(test_steps),
                                       cmocka_unit_test(test_default_dtype),
                                       cmocka_unit_test(test_adapters)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
