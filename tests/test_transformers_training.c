/* Losses and gradients against those that transformers computes: see
 * scripts/make_transformers_cases.py; for what only state-spaces' Mamba-2 has, those of
 * scripts/make_mamba2_cases.py; and of texts that start from another's last state, those of
 * scripts/make_carry_cases.py. */
#include "engine.h"
#include "transformers_cases.h"

#include "checkpoint/safetensors.h"

/* Of the gradients' means over `weight` labels, the largest difference. */
static double compare(const dm_trainer *trainer, const struct dm_safetensors *expected,
                      double weight) {
    double worst = 0;
    size_t n_tensor = 0;
    for (size_t i = 0; i < expected->n_tensor; i++) {
        const struct dm_named_tensor *tensor = &expected->tensors[i];
        const float *gradient;
        size_t n;
        dm_error error;
        if (strncmp(tensor->name, "grad.", 5) != 0)
            continue;
        require(dm_trainer_parameter(trainer, tensor->name + 5, NULL, &gradient, &n, &error),
                &error);
        assert_int_equal(tensor->n_byte, n * sizeof(float));
        float *mean = some(n, sizeof *mean), *wanted = some(n, sizeof *wanted);
        memcpy(wanted, tensor->data, tensor->n_byte);
        for (size_t j = 0; j < n; j++)
            mean[j] = gradient[j] / (float)weight;
        worst = fmax(worst, difference(mean, wanted, n));
        free(mean);
        free(wanted);
        n_tensor++;
    }
    assert_true(n_tensor > 20);
    return worst;
}

static double worst_difference(const char *directory, const char *cpu, dm_dtype dtype,
                               int recompute) {
    struct dm_safetensors expected;
    dm_trainer_options options = DM_TRAINER_OPTIONS_INIT;
    dm_training_batch batch = DM_TRAINING_BATCH_INIT;
    dm_training_loss loss = DM_TRAINING_LOSS_INIT;
    dm_trainer *trainer;
    dm_error error;
    float wanted;
    options.cpu = cpu, options.dtype = dtype, options.recompute = recompute, options.n_thread = 2;
    require(dm_trainer_new(directory, &options, &trainer, &error), &error);
    require(dm_safetensors_open(&expected, test_join(directory, "expected.safetensors"), &error),
            &error);
    const struct dm_named_tensor *ids = dm_safetensors_find(&expected, "input_ids");
    memcpy(&wanted, dm_safetensors_find(&expected, "loss")->data, sizeof wanted);
    int32_t *text = some(ids->shape[0], sizeof *text);
    memcpy(text, ids->data, ids->n_byte);
    const size_t start[] = {0, ids->shape[0]};
    batch.n_sequence = 1, batch.start = start, batch.ids = text;
    require(dm_trainer_accumulate(trainer, &batch, &loss, &error), &error);
    assert_int_equal(loss.n_prediction, start[1] - 1);
    double bound = dtype == DM_DTYPE_BF16 ? 2e-2 : 1e-6;
    assert_true(fabs(loss.sum / loss.weight - (double)wanted) <= bound * (double)wanted);
    double worst = compare(trainer, &expected, loss.weight);
    dm_safetensors_close(&expected);
    dm_trainer_free(trainer);
    free(text);
    return worst;
}

static void check(const char *folder, const char *cpu, dm_dtype dtype, int recompute,
                  double bound) {
    char directory[TEST_MAX_PATH];
    snprintf(directory, sizeof directory, "%s", test_data(folder));
    double worst = worst_difference(directory, cpu, dtype, recompute);
    print_message("%s, %s: %.1e apart\n", folder, cpu, worst);
    assert_true(worst <= bound);
}

static void test_f32(void **state) {
    (void)state;
    static const char *const cpus[] = {"reference", "avx2", "avx512"};
    for (int f = 0; f < n_folder; f++)
        for (int c = 0; c < 3; c++)
            if (has_cpu(cpus[c]))
                check(folders[f], cpus[c], DM_DTYPE_F32, (f + c) % 2, 2e-5);
}

/* ---- Starting from the state that another text left ---- */

static dm_training_batch text_of(const struct dm_safetensors *file, const char *name,
                                 size_t start[2], int32_t ids[100]) {
    dm_training_batch batch = DM_TRAINING_BATCH_INIT;
    const struct dm_named_tensor *tensor = dm_safetensors_find(file, name);
    assert_true(tensor->n_byte <= 100 * sizeof *ids);
    memcpy(ids, tensor->data, tensor->n_byte);
    start[0] = 0, start[1] = tensor->shape[0];
    batch.n_sequence = 1, batch.start = start, batch.ids = ids;
    return batch;
}

static double worst_carried(const char *name, const char *cpu, int recompute) {
    char file[64];
    struct dm_safetensors expected;
    dm_trainer_options options = DM_TRAINER_OPTIONS_INIT;
    dm_training_loss loss = DM_TRAINING_LOSS_INIT;
    dm_trainer *trainer;
    dm_error error;
    size_t starts[2][2];
    int32_t ids[2][100];
    float wanted;
    snprintf(file, sizeof file, "carry/%s.safetensors", name);
    require(dm_safetensors_open(&expected, test_data(file), &error), &error);
    snprintf(file, sizeof file, "transformers/%s", name);
    options.cpu = cpu, options.recompute = recompute, options.n_thread = 2;
    options.carry = DM_CARRY_STATE, options.learning_rate = 0;
    require(dm_trainer_new(test_data(file), &options, &trainer, &error), &error);
    const dm_training_batch first = text_of(&expected, "first", starts[0], ids[0]);
    const dm_training_batch second = text_of(&expected, "second", starts[1], ids[1]);
    require(dm_trainer_accumulate(trainer, &first, NULL, &error), &error);
    require(dm_trainer_step(trainer, NULL, &error), &error);
    require(dm_trainer_accumulate(trainer, &second, &loss, &error), &error);
    memcpy(&wanted, dm_safetensors_find(&expected, "loss")->data, sizeof wanted);
    assert_true(fabs(loss.sum / loss.weight / (double)wanted - 1) <= 1e-6);
    double worst = compare(trainer, &expected, loss.weight);
    dm_safetensors_close(&expected);
    dm_trainer_free(trainer);
    return worst;
}

static void test_carried(void **state) {
    (void)state;
    static const char *const names[] = {"mamba-biases", "mamba-no-conv-bias", "mamba2-tied-bf16",
                                        "mamba2-groups"};
    static const char *const cpus[] = {"reference", "avx2", "avx512"};
    for (int i = 0; i < 4; i++)
        for (int c = 0; c < 3; c++) {
            if (!has_cpu(cpus[c]))
                continue;
            double worst = worst_carried(names[i], cpus[c], (i + c) % 2);
            print_message("%s carried, %s: %.1e apart\n", names[i], cpus[c], worst);
            assert_true(worst <= 2e-5);
        }
}

/* Products of bf16 operands: near, not equal. B and C of Mamba-2 are such products too. */
static void test_bf16(void **state) {
    (void)state;
    dm_trainer *trainer;
    dm_trainer_options options = DM_TRAINER_OPTIONS_INIT;
    options.dtype = DM_DTYPE_BF16;
    if (dm_trainer_new(test_data("transformers/mamba-biases"), &options, &trainer, NULL))
        skip(); /* this processor lacks it */
    dm_trainer_free(trainer);
    for (int f = 0; f < n_folder; f++)
        check(folders[f], NULL, DM_DTYPE_BF16, 0, strstr(folders[f], "mamba2") ? 2e-1 : 5e-2);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_f32), cmocka_unit_test(test_carried),
                                       cmocka_unit_test(test_bf16)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
