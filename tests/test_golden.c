/* The whole engine against numbers that the official implementation made: see
 * tests/data/golden/README.md. */
#include "golden.h"

static void expect_logits(const float *actual, const float *expected, size_t n, double bound,
                          double *worst) {
    double apart = difference(actual, expected, n);
    *worst = fmax(*worst, apart);
    if (!(apart <= bound))
        fail_msg("logits are %g apart, %g is allowed", apart, bound);
}

static void expect_kept(const dm_session *session, const json_t *kept) {
    const char *key;
    json_t *positions;
    json_object_foreach((json_t *)(uintptr_t)kept, key, positions) {
        const size_t *actual;
        size_t n;
        dm_error error;
        require(dm_session_kept(session, (size_t)atoi(key), &actual, &n, &error), &error);
        assert_int_equal(n, json_array_size(positions));
        for (size_t i = 0; i < n; i++)
            assert_int_equal(actual[i], json_integer_value(json_array_get(positions, i)));
    }
}

/* ---- The three kinds of entries ---- */

static void check_runs(const struct golden *golden, const dm_model *model, bool exact, double bound,
                       double *worst) {
    const json_t *runs = json_object_get(golden->expected, "runs");
    size_t vocab_size = vocab_of(model);
    assert_true(json_array_size(runs) > 0);
    for (size_t i = 0; i < json_array_size(runs); i++) {
        const json_t *run = json_array_get(runs, i);
        size_t n_last = get_size(run, "num_last_tokens");
        struct settings settings;
        read_settings(json_object_get(run, "deci"), n_last, &settings);
        dm_session *session = new_session(model, &settings.method);
        float *logits = some(n_last * vocab_size, sizeof *logits);
        const float *expected = expected_floats(golden, "run", i, "logits", n_last * vocab_size);
        read_text(session, golden->ids, golden->n_id);
        close_text(session, n_last, logits);
        if (exact) /* bf16 may decide otherwise about tokens that are nearly equal */
            expect_kept(session, json_object_get(run, "kept"));
        if (exact || !settings.method.kind)
            expect_logits(logits, expected, n_last * vocab_size, bound, worst);
        free((float *)(uintptr_t)expected);
        free(logits);
        dm_session_free(session);
    }
}

static int32_t best(const float *logits, size_t n) {
    size_t at = 0;
    for (size_t i = 1; i < n; i++)
        at = logits[i] > logits[at] ? i : at;
    return (int32_t)at;
}

/* Greedy: the tokens and every step's logits. */
static void check_generate(const struct golden *golden, const dm_model *model, double *worst) {
    const json_t *all = json_object_get(golden->expected, "generate");
    size_t vocab_size = vocab_of(model);
    assert_true(json_array_size(all) > 0);
    for (size_t i = 0; i < json_array_size(all); i++) {
        const json_t *entry = json_array_get(all, i);
        struct settings settings;
        size_t n_new;
        dm_error error;
        int32_t *tokens = get_ids(json_object_get(entry, "tokens"), &n_new);
        read_settings(json_object_get(entry, "deci"), 1, &settings);
        dm_session *session = new_session(model, &settings.method);
        float *logits = some(n_new * vocab_size, sizeof *logits);
        const float *expected =
            expected_floats(golden, "generate", i, "step_logits", n_new * vocab_size);
        read_text(session, golden->ids, get_size(entry, "prompt"));
        close_text(session, 1, logits);
        for (size_t t = 0; t < n_new; t++) {
            int32_t id = best(logits + t * vocab_size, vocab_size);
            assert_int_equal(id, tokens[t]);
            if (t + 1 < n_new)
                require(dm_session_step(session, id, logits + (t + 1) * vocab_size, &error),
                        &error);
        }
        expect_logits(logits, expected, n_new * vocab_size, 1e-5, worst);
        free((float *)(uintptr_t)expected);
        free(logits);
        free(tokens);
        dm_session_free(session);
    }
}

/* The loss of the last n_labels ids, under a tail of n_labels + 1. */
static void check_losses(const struct golden *golden, const dm_model *model, double *worst) {
    const json_t *all = json_object_get(golden->expected, "grad");
    size_t vocab_size = vocab_of(model);
    assert_true(json_array_size(all) > 0);
    for (size_t i = 0; i < json_array_size(all); i++) {
        const json_t *entry = json_array_get(all, i);
        size_t n_label = get_size(entry, "n_labels");
        struct settings settings;
        read_settings(json_object_get(entry, "deci"), n_label + 1, &settings);
        dm_session *session = new_session(model, &settings.method);
        float *logits = some((n_label + 1) * vocab_size, sizeof *logits);
        double loss = 0, expected = json_number_value(json_object_get(entry, "loss"));
        read_text(session, golden->ids, golden->n_id);
        close_text(session, n_label + 1, logits);
        expect_kept(session, json_object_get(entry, "kept"));
        for (size_t t = 0; t < n_label; t++)
            loss += dm_negative_log_likelihood(logits + t * vocab_size, vocab_size,
                                               golden->ids[golden->n_id - n_label + t]);
        loss /= (double)n_label;
        *worst = fmax(*worst, fabs(loss / expected - 1));
        if (!(fabs(loss / expected - 1) < 1e-5))
            fail_msg("loss %.9g, expected %.9g", loss, expected);
        free(logits);
        dm_session_free(session);
    }
}

static void check_all(const char *directory, const char *folder, const char *cpu) {
    struct golden golden;
    double worst = 0;
    open_golden(folder, &golden);
    dm_model *model = load_model(directory ? directory : golden.path, cpu, 2);
    check_runs(&golden, model, true, 1e-5, &worst);
    check_generate(&golden, model, &worst);
    check_losses(&golden, model, &worst);
    print_message("%s, %s, %s: at most %.1e apart\n", folder, cpu,
                  directory ? "pytorch_model.bin" : "model.safetensors", worst);
    dm_model_free(model);
    close_golden(&golden);
}

/* ---- Tests ---- */

static void check_cpu(const char *cpu) {
    if (!has_cpu(cpu))
        skip();
    for (int f = 0; f < n_golden; f++) {
        char directory[TEST_MAX_PATH], from[TEST_MAX_PATH], name[64];
        check_all(NULL, golden_folders[f], cpu);
        test_make_directory(directory);
        snprintf(name, sizeof name, "golden/%s", golden_folders[f]);
        snprintf(from, sizeof from, "%s", test_data(name));
        test_copy_file(test_join(from, "config.json"), test_join(directory, "config.json"));
        test_copy_file(test_join(from, "pytorch_model.bin"),
                       test_join(directory, "pytorch_model.bin"));
        check_all(directory, golden_folders[f], cpu);
        test_remove_directory(directory);
    }
}

static void test_reference(void **state) {
    (void)state;
    check_cpu("reference");
}

static void test_avx2(void **state) {
    (void)state;
    check_cpu("avx2");
}

static void test_avx512(void **state) {
    (void)state;
    check_cpu("avx512");
}

/* The operands of the large products in bf16, which has 8 bits. */
static void test_bf16(void **state) {
    (void)state;
    for (int f = 0; f < n_golden; f++) {
        dm_model_options options = DM_MODEL_OPTIONS_INIT;
        struct golden golden;
        dm_model *model;
        dm_error error;
        double worst = 0;
        open_golden(golden_folders[f], &golden);
        options.dtype = DM_DTYPE_BF16;
        if (dm_model_load(golden.path, &options, &model, &error)) {
            test_expect_error(&error, DM_ERROR_ARGUMENT, "bf16: this processor");
            close_golden(&golden);
            skip();
            return;
        }
        check_runs(&golden, model, false, 6e-3, &worst);
        print_message("%s, bf16: at most %.1e apart\n", golden_folders[f], worst);
        assert_true(worst > 1e-5); /* else it was not bf16 */
        dm_model_free(model);
        close_golden(&golden);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference),
        cmocka_unit_test(test_avx2),
        cmocka_unit_test(test_avx512),
        cmocka_unit_test(test_bf16),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
