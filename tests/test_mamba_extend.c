/* Reading, generating and training with scaled Delta, against transformers with the same scales: see
 * scripts/make_method_cases.py. */
#include "engine.h"

static const char *const folders[] = {"mamba-biases", "falcon-mamba"};
enum { N_FOLDER = 2, N_STEP = 6 };

struct scene {
    char directory[TEST_MAX_PATH];
    struct dm_safetensors expected;
    size_t n_id, n_vocab;
    int32_t *ids;
    double *scale;
    float *logits, *stepped, loss;
    dm_method_value values[2];
    dm_method_options method; /* scales in steps too */
};

static const double in_prefill = 1;

/* The tensor's bytes; the file may be unaligned. */
static void *copy(const struct dm_safetensors *file, const char *name, size_t *n_row) {
    const struct dm_named_tensor *tensor = dm_safetensors_find(file, name);
    assert_non_null(tensor);
    void *bytes = some(tensor->n_byte, 1);
    memcpy(bytes, tensor->data, tensor->n_byte);
    *n_row = tensor->shape[0];
    return bytes;
}

static void open_scene(struct scene *scene, const char *folder) {
    char name[64];
    size_t n_layer, n_step, n;
    dm_error error;
    *scene = (struct scene){.method = DM_METHOD_OPTIONS_INIT};
    snprintf(name, sizeof name, "transformers/%s", folder);
    snprintf(scene->directory, sizeof scene->directory, "%s", test_data(name));
    snprintf(name, sizeof name, "methods/%s.safetensors", folder);
    require(dm_safetensors_open(&scene->expected, test_data(name), &error), &error);
    scene->ids = copy(&scene->expected, "input_ids", &scene->n_id);
    scene->scale = copy(&scene->expected, "scale", &n_layer);
    scene->logits = copy(&scene->expected, "logits", &n);
    scene->stepped = copy(&scene->expected, "stepped", &n_step);
    assert_int_equal(n, scene->n_id);
    assert_int_equal(n_step, N_STEP);
    memcpy(&scene->loss, dm_safetensors_find(&scene->expected, "loss")->data, sizeof scene->loss);
    scene->values[0] = (dm_method_value){"delta-scale", scene->scale, n_layer};
    scene->values[1] = (dm_method_value){"delta-scale-in", &in_prefill, 1};
    require(dm_method_find("mamba-extend", &scene->method.kind, &error), &error);
    scene->method.values = scene->values, scene->method.n_value = 1;
}

static void close_scene(struct scene *scene) {
    dm_safetensors_close(&scene->expected);
    free(scene->ids), free(scene->scale), free(scene->logits), free(scene->stepped);
}

/* Reads n ids, with the logits of all of them in `logits`; then steps over the rest. */
static void read_and_step(const dm_model *model, const struct scene *scene,
                          const dm_method_options *method, size_t n, float *logits) {
    dm_method_options own = *method;
    size_t n_vocab = vocab_of(model);
    dm_error error;
    own.keep_tail = n;
    dm_session *session = new_session(model, &own);
    read_text(session, scene->ids, n / 3);
    read_text(session, scene->ids + n / 3, n - n / 3);
    close_text(session, n, logits);
    for (size_t t = n; t < scene->n_id; t++)
        require(dm_session_step(session, scene->ids[t], logits + t * n_vocab, &error), &error);
    dm_session_free(session);
}

static void check_reading(const char *folder, const char *cpu) {
    struct scene scene;
    open_scene(&scene, folder);
    dm_model *model = load_model(scene.directory, cpu, 2);
    size_t n_vocab = vocab_of(model), n_all = scene.n_id * n_vocab;
    size_t n_read = scene.n_id - N_STEP;
    float *found = some(n_all, sizeof *found), *plain = some(n_all, sizeof *plain);
    const dm_method_options none = DM_METHOD_OPTIONS_INIT;
    read_and_step(model, &scene, &none, scene.n_id, plain);
    read_and_step(model, &scene, &scene.method, scene.n_id, found);
    double apart = difference(found, scene.logits, n_all);
    print_message("%s, %s: %.1e apart, %.1e from plain Mamba\n", folder, cpu, apart,
                  difference(plain, scene.logits, n_all));
    assert_true(apart <= 1e-5 && difference(plain, scene.logits, n_all) > 1e-3);
    /* a step is a reading */
    read_and_step(model, &scene, &scene.method, n_read, found);
    assert_true(difference(found, scene.logits, n_all) <= 1e-5);
    /* but where prefill alone is scaled */
    scene.method.n_value = 2;
    read_and_step(model, &scene, &scene.method, n_read, found);
    assert_true(difference(found, scene.logits, n_read * n_vocab) <= 1e-5);
    found += n_read * n_vocab;
    assert_true(difference(found, scene.stepped, N_STEP * n_vocab) <= 1e-5);
    assert_true(difference(found, scene.logits + n_read * n_vocab, N_STEP * n_vocab) > 1e-4);
    free(found - n_read * n_vocab), free(plain);
    dm_model_free(model);
    close_scene(&scene);
}

static void test_reading(void **state) {
    (void)state;
    static const char *const cpus[] = {"reference", "avx2", "avx512"};
    for (int f = 0; f < N_FOLDER; f++)
        for (int c = 0; c < 3; c++)
            if (has_cpu(cpus[c]))
                check_reading(folders[f], cpus[c]);
}

/* The largest difference of a gradient. */
static double compare_gradients(const dm_trainer *trainer, const struct scene *scene) {
    double worst = 0;
    size_t n_tensor = 0, n_row, n;
    for (size_t i = 0; i < scene->expected.n_tensor; i++) {
        const char *name = scene->expected.tensors[i].name;
        const float *gradient;
        dm_error error;
        if (strncmp(name, "grad.", 5) != 0)
            continue;
        require(dm_trainer_parameter(trainer, name + 5, NULL, &gradient, &n, &error), &error);
        float *wanted = copy(&scene->expected, name, &n_row), *mean = some(n, sizeof *mean);
        for (size_t j = 0; j < n; j++)
            mean[j] = gradient[j] / (float)(scene->n_id - 1);
        worst = fmax(worst, difference(mean, wanted, n));
        free(wanted), free(mean);
        n_tensor++;
    }
    assert_true(n_tensor > 20);
    return worst;
}

static void test_training(void **state) {
    (void)state;
    for (int f = 0; f < 2 * N_FOLDER; f++) {
        struct scene scene;
        dm_trainer_options options = DM_TRAINER_OPTIONS_INIT;
        dm_training_batch batch = DM_TRAINING_BATCH_INIT;
        dm_training_loss loss = DM_TRAINING_LOSS_INIT;
        dm_trainer *trainer;
        dm_error error;
        open_scene(&scene, folders[f % N_FOLDER]);
        const size_t start[] = {0, scene.n_id};
        options.method = &scene.method, options.recompute = f / N_FOLDER;
        options.dtype = DM_DTYPE_F32, options.n_thread = 2;
        batch.n_sequence = 1, batch.start = start, batch.ids = scene.ids;
        require(dm_trainer_new(scene.directory, &options, &trainer, &error), &error);
        require(dm_trainer_accumulate(trainer, &batch, &loss, &error), &error);
        assert_true(fabs(loss.sum / loss.weight - (double)scene.loss) <= 1e-6 * scene.loss);
        double apart = compare_gradients(trainer, &scene);
        print_message("%s: %.1e apart\n", folders[f % N_FOLDER], apart);
        assert_true(apart <= 2e-5);
        /* a trained model is read as it was trained */
        const char *output = test_join(test_directory, f % 2 ? "b" : "a");
        dm_step_stats stats = DM_STEP_STATS_INIT;
        require(dm_trainer_step(trainer, &stats, &error), &error);
        require(dm_trainer_evaluate(trainer, &batch, &loss, &error), &error);
        if (f < N_FOLDER) {
            require(dm_trainer_save(trainer, output, NULL, &error), &error);
            dm_model *model = load_model(output, NULL, 1);
            dm_method_options given = DM_METHOD_OPTIONS_INIT;
            require(dm_model_default_method(model, &given, &error), &error);
            assert_int_equal(given.kind, scene.method.kind);
            assert_int_equal(given.n_value, 1);
            assert_memory_equal(given.values->numbers, scene.scale,
                                given.values->n * sizeof *scene.scale);
            given.keep_tail = scene.n_id;
            size_t n_vocab = vocab_of(model);
            float *logits = some(scene.n_id * n_vocab, sizeof *logits);
            read_and_step(model, &scene, &given, scene.n_id, logits);
            double sum = 0;
            for (size_t t = 0; t + 1 < scene.n_id; t++)
                sum += dm_negative_log_likelihood(logits + t * n_vocab, n_vocab, scene.ids[t + 1]);
            assert_true(fabs(sum - loss.sum) <= 1e-5 * loss.sum);
            free(logits);
            dm_model_free(model);
        }
        dm_trainer_free(trainer);
        close_scene(&scene);
    }
}

/* Where scaled Delta is not finite it is Delta that is named, in reading and in a step. */
static void test_check(void **state) {
    (void)state;
    static const struct shape shape = {"large", 2, 24, 2, 4, 4, 3, 40, true};
    const char *path = make_checkpoint(test_directory, &shape, 5);
    const double scales[] = {1, 1000};
    const dm_method_value value = {"delta-scale", scales, 2};
    const int32_t ids[] = {1, 2, 3};
    dm_model_options options = DM_MODEL_OPTIONS_INIT;
    dm_method_options method = DM_METHOD_OPTIONS_INIT;
    dm_model *model;
    dm_error error;
    set_weights(path, "backbone.layers.1.mixer.dt_proj.bias", 7, 1, 1e36f);
    options.check = 1;
    require(dm_model_load(path, &options, &model, &error), &error);
    require(dm_method_find("mamba-extend", &method.kind, &error), &error);
    method.values = &value, method.n_value = 1;
    dm_session *session = new_session(model, &method);
    assert_int_equal(dm_session_append(session, ids, 3, &error), DM_ERROR_NUMBER);
    test_expect_error(&error, DM_ERROR_NUMBER, "Delta of layer 1: infinity at token 0, channel 7");
    dm_session_reset(session);
    assert_int_equal(dm_session_step(session, 1, NULL, &error), DM_ERROR_NUMBER);
    test_expect_error(&error, DM_ERROR_NUMBER, "Delta of layer 1: infinity at token 0, channel 7");
    dm_session_free(session);
    dm_model_free(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reading),
        cmocka_unit_test_setup_teardown(test_training, test_set_up, test_tear_down),
        cmocka_unit_test_setup_teardown(test_check, test_set_up, test_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
