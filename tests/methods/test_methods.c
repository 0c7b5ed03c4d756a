/* What a method changes in layers is what a plain computation gives, and the promises of reading
 * hold for it: any split, any batch, any number of threads, a probe, steps, session files. */
#include "engine.h"

#include "layers/state.h"
#include "session/session.h"

static const struct shape shape = {"wide", 3, 192, 2, 16, 4, 12, 600, true};
enum { N_LAYER = 3, D_INNER = 384, D_STATE = 16, VOCAB = 600, N_ID = 700, N_STEP = 5 };

static char parent[TEST_MAX_PATH], path[TEST_MAX_PATH];
static dm_model *model;
static int32_t *ids;

static int set_up(void **state) {
    (void)state;
    struct dm_random random;
    test_make_directory(parent);
    dm_random_seed(&random, 3);
    snprintf(path, sizeof path, "%s", make_checkpoint(parent, &shape, 9));
    model = load_model(path, NULL, 1);
    ids = random_ids(&random, N_ID, VOCAB);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    dm_model_free(model);
    free(ids);
    test_remove_directory(parent);
    return 0;
}

/* ---- Settings ---- */

static const double least[N_LAYER] = {0.02, 0.03, 0.01}, power[N_LAYER] = {0.8, 1.2, 0.7};
static const double most[N_LAYER] = {0.05, 0.02, 0.03}, whole_most[N_LAYER] = {1, 0.5, 0.7};
static const double in_prefill = 1, every = 3;
static const struct setting {
    const char *method;
    dm_method_value values[2];
    size_t n;
} settings[] = {
    {"test-filter", {{"least-delta", least, N_LAYER}}, 1},
    {"test-filter", {{"least-delta", least, N_LAYER}, {"filter-in", &in_prefill, 1}}, 2},
    {"test-power", {{"a-power", power, N_LAYER}}, 1},
    {"test-cap", {{"most-state", most, N_LAYER}}, 1},
    {"test-cap", {{"cap-every", &every, 1}, {"most-state", most, N_LAYER}}, 2},
    {"test-whole-cap", {{"most-state", whole_most, N_LAYER}}, 1},
};
enum { N_SETTING = sizeof settings / sizeof *settings };

static dm_method_options method_of(const struct setting *setting) {
    dm_method_options method = DM_METHOD_OPTIONS_INIT;
    dm_error error;
    require(dm_method_find(setting->method, &method.kind, &error), &error);
    method.values = setting->values;
    method.n_value = setting->n;
    return method;
}

/* Logits after a reading, and after each of some steps: [1 + N_STEP, VOCAB]. */
static void give(dm_session *session, float *logits) {
    dm_error error;
    close_text(session, 1, logits);
    for (size_t i = 0; i < N_STEP; i++)
        require(dm_session_step(session, ids[i], logits + (i + 1) * VOCAB, &error), &error);
}

enum { N_LOGIT = (1 + N_STEP) * VOCAB };

static float *read_all(const dm_model *own, const dm_method_options *method) {
    float *logits = some(N_LOGIT, sizeof *logits);
    dm_session *session = new_session(own, method);
    read_text(session, ids, N_ID);
    give(session, logits);
    dm_session_free(session);
    return logits;
}

static void expect(dm_session *session, const float *expected) {
    float *logits = some(N_LOGIT, sizeof *logits);
    give(session, logits);
    assert_memory_equal(logits, expected, N_LOGIT * sizeof *logits);
    free(logits);
}

/* ---- The promises of reading ---- */

static void count_views(const dm_probe_view *view, void *user) {
    *(size_t *)user += view->n_token;
}

/* Do the model's layers let a method change their states? Else it is refused by name. */
static bool takes_states(const dm_method_options *method) {
    dm_session *session = NULL;
    dm_error error;
    if (model->network.layers[0].config->kind->adjusts & DM_ADJUST_STATE)
        return true;
    assert_int_equal(dm_session_new(model, method, &session, &error), DM_ERROR_ARGUMENT);
    test_expect_error(&error, DM_ERROR_ARGUMENT, "whose state it cannot change");
    return false;
}

static void test_promises(void **state) {
    (void)state;
    const dm_method_options plain = DM_METHOD_OPTIONS_INIT;
    float *plainly = read_all(model, &plain);
    dm_model *threaded = load_model(path, NULL, 4);
    for (size_t i = 0; i < N_SETTING; i++) {
        const dm_method_options method = method_of(&settings[i]);
        if (strstr(settings[i].method, "cap") && !takes_states(&method))
            continue;
        float *expected = read_all(model, &method);
        size_t n_seen = 0;
        dm_error error;
        assert_memory_not_equal(plainly, expected, VOCAB * sizeof *plainly);
        /* threads, pieces, a file and a fork in between */
        dm_session *session = new_session(threaded, &method);
        struct dm_random random;
        dm_random_seed(&random, i);
        for (size_t done = 0, n; done < N_ID; done += n) {
            n = 1 + dm_random_below(&random, 200);
            n = n < N_ID - done ? n : N_ID - done;
            read_text(session, ids + done, n);
            require(dm_session_save(session, test_join(parent, "session"), &error), &error);
            dm_session_free(session);
            dm_session *restored, *fork;
            require(dm_session_restore(threaded, test_join(parent, "session"), &restored, &error),
                    &error);
            require(dm_session_fork(restored, &fork, &error), &error);
            dm_session_free(restored);
            session = fork;
        }
        expect(session, expected);
        dm_session_free(session);
        /* a batch with another that is read plainly, and somebody who looks on */
        const dm_method_options none = DM_METHOD_OPTIONS_INIT;
        dm_session *all[] = {new_session(model, &none), new_session(model, &method),
                             new_session(model, &method)};
        dm_session_set_probe(all[2], count_views, &n_seen);
        const int32_t *texts[] = {ids, ids + 100, ids};
        require(dm_append_many(all, 3, texts, (const size_t[]){N_ID, 50, N_ID}, &error), &error);
        assert_int_equal(n_seen, N_ID * N_LAYER);
        expect(all[2], expected);
        for (size_t s = 0; s < 3; s++)
            dm_session_free(all[s]);
        free(expected);
    }
    dm_model_free(threaded);
    free(plainly);
}

/* ---- Filtered Delta: what a probe sees ---- */

struct deltas {
    float *values; /* [N_LAYER, N_ID + N_STEP, D_INNER] */
};

static void keep_delta(const dm_probe_view *view, void *user) {
    const struct deltas *deltas = user;
    memcpy(deltas->values + (view->layer * (N_ID + N_STEP) + view->first_position) * view->d_inner,
           view->delta, view->n_token * view->d_inner * sizeof(float));
}

static float *deltas_of(const dm_method_options *method) {
    struct deltas deltas = {some(N_LAYER * (N_ID + N_STEP) * D_INNER, sizeof(float))};
    float *logits = some(N_LOGIT, sizeof *logits);
    dm_session *session = new_session(model, method);
    dm_session_set_probe(session, keep_delta, &deltas);
    read_text(session, ids, N_ID);
    give(session, logits);
    dm_session_free(session);
    free(logits);
    return deltas.values;
}

static void test_filter(void **state) {
    (void)state;
    const dm_method_options plain = DM_METHOD_OPTIONS_INIT;
    float *all = deltas_of(&plain);
    for (size_t i = 0; i < 2; i++) { /* in steps too, and not */
        const dm_method_options method = method_of(&settings[i]);
        size_t n_filtered = i == 0 ? N_ID + N_STEP : N_ID, n_zero = 0, n_below = 0;
        float *found = deltas_of(&method);
        for (size_t j = 0; j < (N_ID + N_STEP) * D_INNER; j++) { /* layer 0 reads the same */
            bool filtered = j < n_filtered * D_INNER && !(all[j] > (float)least[0]);
            assert_true(found[j] == (filtered ? 0 : all[j]));
        }
        for (size_t layer = 0; layer < N_LAYER; layer++)
            for (size_t j = 0; j < (N_ID + N_STEP) * D_INNER; j++) {
                float delta = found[layer * (N_ID + N_STEP) * D_INNER + j];
                bool below = !(delta > (float)least[layer]);
                n_zero += below && j < n_filtered * D_INNER;
                n_below += below && j >= n_filtered * D_INNER;
                assert_true(!below || delta == 0 || j >= n_filtered * D_INNER);
            }
        assert_true(n_zero > 1000 && (i == 0 || n_below > 10));
        free(found);
    }
    free(all);
}

/* ---- A: a checkpoint whose A_log is scaled ---- */

static void test_power(void **state) {
    (void)state;
    const dm_method_options plain = DM_METHOD_OPTIONS_INIT, method = method_of(&settings[2]);
    const char *scaled = test_join(parent, "scaled");
    float *expected, *found = read_all(model, &method), log_A[D_INNER * D_STATE];
    struct shape same = shape;
    same.name = "scaled";
    make_checkpoint(parent, &same, 9);
    char file[TEST_MAX_PATH];
    assert_true(snprintf(file, sizeof file, "%s/model.safetensors", scaled) < TEST_MAX_PATH);
    for (size_t layer = 0; layer < N_LAYER; layer++) {
        char name[80];
        size_t n;
        snprintf(name, sizeof name, "backbone.layers.%zu.mixer.A_log", layer);
        size_t place = find_weights(file, name, &n);
        FILE *stream = fopen(file, "r+b");
        assert_int_equal(n, D_INNER * D_STATE);
        assert_int_equal(fseek(stream, (long)place, SEEK_SET), 0);
        assert_int_equal(fread(log_A, sizeof *log_A, n, stream), n);
        for (size_t i = 0; i < n; i++)
            log_A[i] = (float)((double)log_A[i] * power[layer]);
        assert_int_equal(fseek(stream, (long)place, SEEK_SET), 0);
        assert_int_equal(fwrite(log_A, sizeof *log_A, n, stream), n);
        assert_int_equal(fclose(stream), 0);
    }
    dm_model *other = load_model(scaled, NULL, 1);
    expected = read_all(other, &plain);
    dm_model_free(other);
    other = load_model(path, NULL, 1);
    free(found);
    found = read_all(other, &plain);
    dm_model_free(other);
    free(expected), free(found);
}

/* ---- States: capped by hand after each token ---- */

static void cap_by_hand(float *h, size_t first, size_t n, double bound) {
    double sum = 0;
    for (size_t i = 0; i < D_STATE; i++)
        for (size_t c = first; c < first + n; c++)
            sum += (double)h[i * D_INNER + c] * (double)h[i * D_INNER + c];
    double scale = bound / sqrt(sum);
    for (size_t i = 0; i < D_STATE && sum > bound * bound; i++)
        for (size_t c = first; c < first + n; c++)
            h[i * D_INNER + c] *= (float)scale;
}

static void cap_layers(dm_session *session, bool whole, const double *bounds) {
    for (size_t layer = 0; layer < N_LAYER; layer++) {
        const struct dm_model_config *config = &session->model->network.config;
        float *h = session->state.values + dm_state_offset(config, layer, 1);
        for (size_t c = 0; c < D_INNER; c += whole ? D_INNER : 1)
            cap_by_hand(h, c, whole ? D_INNER : 1, bounds[layer]);
    }
}

static void test_cap(void **state) {
    (void)state;
    const dm_method_options plain = DM_METHOD_OPTIONS_INIT;
    for (size_t i = 3; i < N_SETTING; i++) {
        const dm_method_options method = method_of(&settings[i]);
        bool whole = strcmp(settings[i].method, "test-whole-cap") == 0;
        size_t period = settings[i].n == 2 ? (size_t)every : 1;
        float *found = read_all(model, &method), logits[VOCAB];
        dm_session *session = new_session(model, &plain);
        dm_error error;
        for (size_t t = 0; t < N_ID + N_STEP; t++) {
            int32_t id = ids[t < N_ID ? t : t - N_ID];
            require(dm_session_step(session, id, logits, &error), &error);
            if (t + 1 >= N_ID)
                assert_memory_equal(logits, found + (t + 1 - N_ID) * VOCAB, sizeof logits);
            if ((t + 1) % period == 0)
                cap_layers(session, whole, whole ? whole_most : most);
        }
        dm_session_free(session);
        free(found);
    }
}

/* ---- Settings in files, and what is refused ---- */

static void test_settings_file(void **state) {
    (void)state;
    char file[TEST_MAX_PATH];
    static const char text[] = "{\"version\": 1, \"method\": \"test-filter\", "
                               "\"least_delta\": [0.02, 0.03, 0.01], \"filter_in\": \"prefill\"}";
    dm_model_options options = DM_MODEL_OPTIONS_INIT;
    dm_model *own;
    dm_error error;
    const dm_method_options method = method_of(&settings[1]);
    float *expected = read_all(model, &method);
    snprintf(file, sizeof file, "%s", test_join(parent, "settings.json"));
    test_write_file(file, text, sizeof text - 1);
    options.settings = file;
    require(dm_model_load(path, &options, &own, &error), &error);
    float *found = read_all(own, NULL);
    assert_memory_equal(found, expected, N_LOGIT * sizeof *found);
    free(found);
    /* written and read again */
    dm_method_options given = DM_METHOD_OPTIONS_INIT;
    dm_calibration_options calibration = DM_CALIBRATION_OPTIONS_INIT;
    require(dm_model_default_method(own, &given, &error), &error);
    assert_int_equal(given.n_value, 2);
    calibration.method = &given, calibration.length = 20, calibration.path = file;
    require(dm_calibrate(own, ids, N_ID, &calibration, NULL, &error), &error);
    dm_model_free(own);
    require(dm_model_load(path, &options, &own, &error), &error);
    found = read_all(own, NULL);
    assert_memory_equal(found, expected, N_LOGIT * sizeof *found);
    free(found), free(expected);
    dm_model_free(own);
    static const struct {
        const char *settings, *part;
    } faults[] = {
        {"\"least_delta\": \"x\"", "\"least_delta\" must be a number, or a list"},
        {"\"least_delta\": [1, 2]", "least-delta has 2 numbers: must be one, or one for each"},
        {"\"least_delta\": []", "\"least_delta\" must be a number"},
        {"\"least_delta\": 0", "least-delta is 0: must be a number from 1e-06 to 1e+06"},
        {"\"filter_in\": 1", "\"filter_in\" must be one of its names"},
        {"\"filter_in\": \"steps\"", "\"filter_in\" must be one of its names"},
        {"\"filter_in\": [\"all\", \"all\", \"all\"]", "filter-in has 3 numbers: must be one"},
        {"\"layers\": [1]", "drops no tokens: it takes no layers"},
    };
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        char json[200];
        int n = snprintf(json, sizeof json, "{\"version\": 1, \"method\": \"test-filter\", %s}",
                         faults[i].settings);
        test_write_file(file, json, (size_t)n);
        assert_int_equal(dm_model_load(path, &options, &own, &error), DM_ERROR_FORMAT);
        test_expect_error(&error, DM_ERROR_FORMAT, faults[i].part);
        test_expect_error(&error, DM_ERROR_FORMAT, "settings.json: ");
    }
}

static void refuse(const dm_method_options *method, const char *part) {
    dm_session *session;
    dm_error error;
    assert_int_equal(dm_session_new(model, method, &session, &error), DM_ERROR_ARGUMENT);
    test_expect_error(&error, DM_ERROR_ARGUMENT, part);
}

static void test_refusals(void **state) {
    (void)state;
    const double numbers[] = {0.1, 0.2, NAN}, half = 1.5;
    const size_t layer = 1;
    dm_error error;
    struct setting setting = {"test-filter", {{"beta", numbers, 1}}, 1};
    dm_method_options method = method_of(&setting);
    refuse(&method, "method test-filter has no setting \"beta\"");
    setting.values[0] = (dm_method_value){NULL, numbers, 1};
    refuse(&method, "has no setting \"\"");
    setting.values[0] = (dm_method_value){"least-delta", NULL, 1};
    refuse(&method, "least-delta has 1 numbers");
    setting.values[0] = (dm_method_value){"least-delta", numbers, 2};
    refuse(&method, "must be one, or one for each layer of the model");
    setting.values[0] = (dm_method_value){"least-delta", numbers, 3};
    refuse(&method, "least-delta is nan");
    setting.values[0] = setting.values[1] = (dm_method_value){"least-delta", numbers, 1};
    method.n_value = 2;
    refuse(&method, "least-delta is given twice");
    method.values = NULL;
    refuse(&method, "values are missing");
    method.n_value = 0, method.layers = &layer, method.n_layer = 1;
    refuse(&method, "method test-filter drops no tokens");
    setting = (struct setting){"test-cap", {{"cap-every", &half, 1}}, 1};
    method = method_of(&setting);
    refuse(&method, "cap-every is 1.5: must be a whole number from 1 to 1000");
    method = (dm_method_options)DM_METHOD_OPTIONS_INIT;
    method.values = setting.values, method.n_value = 1;
    refuse(&method, "method none has no setting");
    /* nobody goes back through these */
    for (size_t i = 0; i < N_SETTING; i++) {
        dm_trainer_options options = DM_TRAINER_OPTIONS_INIT;
        const dm_method_options own = method_of(&settings[i]);
        dm_trainer *trainer;
        options.method = &own;
        assert_int_equal(dm_trainer_new(path, &options, &trainer, &error), DM_ERROR_UNSUPPORTED);
        test_expect_error(&error, DM_ERROR_UNSUPPORTED, ": it cannot be trained with");
    }
}

int main(void) {
    if (getenv("DM_TEST_KIND")) { /* the others look at Mamba's own weights and states */
        const struct CMUnitTest of_kind[] = {cmocka_unit_test(test_promises)};
        return cmocka_run_group_tests(of_kind, set_up, tear_down);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_promises),      cmocka_unit_test(test_filter),
        cmocka_unit_test(test_power),         cmocka_unit_test(test_cap),
        cmocka_unit_test(test_settings_file), cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
