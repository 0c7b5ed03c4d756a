/* Losses, gradients and AdamW steps against numbers that the official implementation made. */
#include "golden.h"

struct run {
    struct settings settings;
    size_t n_label;
    size_t start[2];
    float *weight;
    dm_training_batch batch;
    dm_trainer *trainer;
};

static void open_run(const struct golden *golden, const json_t *grad, const char *cpu,
                     int recompute, struct run *run) {
    dm_error error;
    dm_trainer_options options = DM_TRAINER_OPTIONS_INIT;
    *run = (struct run){.n_label = get_size(grad, "n_labels"), .start = {0, golden->n_id}};
    read_settings(json_object_get(grad, "deci"), run->n_label + 1, &run->settings);
    run->weight = some(golden->n_id, sizeof *run->weight);
    for (size_t i = golden->n_id - run->n_label; i < golden->n_id; i++)
        run->weight[i] = 1;
    run->batch = (dm_training_batch)DM_TRAINING_BATCH_INIT;
    run->batch.n_sequence = 1, run->batch.start = run->start;
    run->batch.ids = golden->ids, run->batch.weight = run->weight;
    options.cpu = cpu, options.recompute = recompute;
    options.method = &run->settings.method;
    options.learning_rate = 1e-3;
    require(dm_trainer_new(golden->path, &options, &run->trainer, &error), &error);
}

static void close_run(struct run *run) {
    dm_trainer_free(run->trainer);
    free(run->weight);
}

/* "grad<i>.<name>" -> the name in transformers' spelling. */
static void rename_parameter(const char *name, char out[128]) {
    const char *official = "backbone.embedding.weight";
    snprintf(out, 128, "%s", strcmp(name, official) ? name : "backbone.embeddings.weight");
}

/* Is the gradient of this run, byte for byte, that of the next? Then it is the next one's: the file
 * was recorded so (tiny-a's first), and test_transformers_training.c stands in for it. */
static bool is_repeated(const struct golden *golden, size_t index) {
    char name[64], other[64];
    snprintf(name, sizeof name, "grad%zu.backbone.norm_f.weight", index);
    snprintf(other, sizeof other, "grad%zu.backbone.norm_f.weight", index + 1);
    const struct dm_named_tensor *a = dm_safetensors_find(&golden->tensors, name);
    const struct dm_named_tensor *b = dm_safetensors_find(&golden->tensors, other);
    return a && b && !memcmp(a->data, b->data, a->n_byte);
}

/* Every tensor of the golden gradient; how many there were. */
static size_t check_gradients(const struct golden *golden, size_t index, const struct run *run,
                              double weight, double *worst) {
    char prefix[32], name[128];
    size_t n_tensor = 0;
    int n_prefix = snprintf(prefix, sizeof prefix, "grad%zu.", index);
    for (size_t i = 0; i < golden->tensors.n_tensor; i++) {
        const char *full = golden->tensors.tensors[i].name;
        if (strncmp(full, prefix, (size_t)n_prefix) != 0 || !strcmp(full + n_prefix, "loss"))
            continue;
        const float *gradient;
        size_t n;
        dm_error error;
        rename_parameter(full + n_prefix, name);
        require(dm_trainer_parameter(run->trainer, name, NULL, &gradient, &n, &error), &error);
        float *mean = some(n, sizeof *mean);
        for (size_t j = 0; j < n; j++)
            mean[j] = gradient[j] / (float)weight;
        const float *expected = expected_floats(golden, "grad", index, full + n_prefix, n);
        double apart = difference(mean, expected, n);
        if (!(apart <= 1e-4))
            fail_msg("%s: %s: %g apart", golden->path, full, apart);
        *worst = fmax(*worst, apart);
        free((float *)(uintptr_t)expected);
        free(mean);
        n_tensor++;
    }
    return n_tensor;
}

static void check_steps(const json_t *grad, struct run *run) {
    const json_t *losses = json_object_get(grad, "adamw_losses");
    dm_error error;
    assert_true(json_array_size(losses) >= 3);
    dm_trainer_forget(run->trainer);
    for (size_t i = 0; i < json_array_size(losses); i++) {
        double expected = json_real_value(json_array_get(losses, i));
        dm_step_stats stats = DM_STEP_STATS_INIT;
        require(dm_trainer_accumulate(run->trainer, &run->batch, NULL, &error), &error);
        require(dm_trainer_step(run->trainer, &stats, &error), &error);
        assert_int_equal(stats.step, i + 1);
        if (!(fabs(stats.loss - expected) <= 1e-5 * expected))
            fail_msg("loss %zu is %.9g, expected %.9g", i, stats.loss, expected);
    }
}

/* So many tokens enter the layer above a decimating one as the official code kept there. */
static void check_kept(const json_t *kept, const dm_trainer *trainer) {
    dm_model_info info = DM_MODEL_INFO_INIT;
    const char *key;
    json_t *positions;
    size_t n_token[max_layer];
    dm_error error;
    require(dm_trainer_get_info(trainer, &info, &error), &error);
    assert_in_range(info.n_layer, 1, max_layer);
    require(dm_trainer_kept(trainer, n_token, info.n_layer, &error), &error);
    json_object_foreach((json_t *)(uintptr_t)kept, key, positions) {
        size_t above = (size_t)atoi(key) + 1;
        assert_in_range(above, 1, info.n_layer - 1);
        assert_int_equal(n_token[above], json_array_size(positions));
    }
}

static void check_grad(const struct golden *golden, size_t index, const char *cpu, int recompute,
                       double *worst) {
    const json_t *grad = json_array_get(json_object_get(golden->expected, "grad"), index);
    const json_t *kept = json_object_get(grad, "kept");
    double expected = json_real_value(json_object_get(grad, "loss"));
    dm_training_loss loss = DM_TRAINING_LOSS_INIT;
    dm_error error;
    struct run run;
    open_run(golden, grad, cpu, recompute, &run);
    require(dm_trainer_accumulate(run.trainer, &run.batch, &loss, &error), &error);
    assert_int_equal(loss.n_prediction, run.n_label);
    if (!(fabs(loss.sum / loss.weight - expected) <= 1e-5 * expected))
        fail_msg("the loss is %.9g, expected %.9g", loss.sum / loss.weight, expected);
    check_kept(kept, run.trainer);
    if (!is_repeated(golden, index))
        assert_true(check_gradients(golden, index, &run, loss.weight, worst) > 10);
    check_steps(grad, &run);
    close_run(&run);
}

static void test_gradients(void **state) {
    static const char *const cpus[] = {"reference", NULL};
    (void)state;
    double worst = 0;
    for (size_t f = 0; f < n_golden; f++) {
        struct golden golden;
        open_golden(golden_folders[f], &golden);
        size_t n = json_array_size(json_object_get(golden.expected, "grad"));
        assert_true(n > 0);
        for (size_t i = 0; i < n; i++)
            for (size_t c = 0; c < 2; c++)
                for (int recompute = 0; recompute < 2; recompute++)
                    check_grad(&golden, i, cpus[c], recompute, &worst);
        close_golden(&golden);
    }
    print_message("gradients within %.2g\n", worst);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
