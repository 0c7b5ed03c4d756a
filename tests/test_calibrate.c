/* What a calibration measures, against a plain sum over what a probe sees; and a model that is
 * opened with settings from elsewhere. */
#include "engine.h"

#include "base/mapped_file.h"

static const struct shape shape = {.name = "model",
                                   .n_layer = 3,
                                   .d_model = 24,
                                   .expand = 2,
                                   .d_state = 6,
                                   .d_conv = 4,
                                   .dt_rank = 3,
                                   .vocab_size = 61};
enum { n_layer = 3, d_inner = 48, n_id = 700, length = 150, n_passage = 3 };

static char parent[TEST_MAX_PATH];
static char *directory;
static dm_model *model;
static int32_t *ids;

static int set_up(void **state) {
    (void)state;
    struct dm_random random;
    dm_random_seed(&random, 21);
    test_make_directory(parent);
    directory = strdup(make_checkpoint(parent, &shape, 8));
    assert_non_null(directory);
    model = load_model(directory, NULL, 2);
    ids = random_ids(&random, n_id, shape.vocab_size);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    dm_model_free(model);
    free(ids);
    free(directory);
    test_remove_directory(parent);
    return 0;
}

static void add(const dm_probe_view *view, void *user) {
    double(*sums)[d_inner] = user;
    for (size_t c = 0; c < d_inner; c++) {
        double min = INFINITY;
        for (size_t n = 0; n < view->d_state; n++)
            min = fmin(min, -(double)view->A[n * d_inner + c]);
        for (size_t t = 0; t < view->n_token; t++)
            sums[view->layer][c] += (double)view->delta[t * d_inner + c] * min / n_passage;
    }
}

static void test_log_decay(void **state) {
    (void)state;
    const dm_method_options plain = DM_METHOD_OPTIONS_INIT;
    dm_calibration_options options = DM_CALIBRATION_OPTIONS_INIT;
    double expected[n_layer][d_inner] = {{0}}, found[n_layer][d_inner];
    dm_error error;
    for (size_t first = 0; first <= n_id - length; first += (n_id - length) / 2) {
        dm_session *session = new_session(model, &plain);
        dm_session_set_probe(session, add, expected);
        read_text(session, ids + first, length);
        dm_session_free(session);
    }
    options.length = length;
    options.n_passage = n_passage;
    options.log_decay = found[0];
    require(dm_calibrate(model, ids, n_id, &options, parent, &error), &error);
    for (size_t l = 0; l < n_layer; l++)
        for (size_t c = 0; c < d_inner; c++)
            assert_true(fabs(found[l][c] - expected[l][c]) < 1e-5 * expected[l][c]);
    found[0][0] = -1;
    assert_int_not_equal(dm_calibrate(model, ids, n_id, &options, "/nowhere", &error), DM_OK);
    assert_true(found[0][0] == -1); /* as it was */
}

static void test_settings_from_elsewhere(void **state) {
    (void)state;
    const char *path = test_join(parent, "decimamba.json");
    const size_t layer = 1;
    dm_model_options options = DM_MODEL_OPTIONS_INIT;
    dm_model_info info = DM_MODEL_INFO_INIT;
    dm_calibration_options calibration = DM_CALIBRATION_OPTIONS_INIT;
    dm_method_options method = DM_METHOD_OPTIONS_INIT, found = method;
    dm_model *other = NULL;
    dm_error error;
    method.kind = DM_METHOD_DECIMATE;
    method.score = DM_SCORE_GLOBAL;
    method.layers = &layer;
    method.n_layer = 1;
    method.base_length = 33;
    calibration.length = length;
    calibration.method = &method;
    require(dm_calibrate(model, ids, n_id, &calibration, parent, &error), &error);
    options.settings = path;
    require(dm_model_load(directory, &options, &other, &error), &error);
    require(dm_model_get_info(other, &info, &error), &error);
    require(dm_model_default_method(other, &found, &error), &error);
    assert_true(info.has_defaults && found.base_length == 33 && found.layers[0] == 1);
    assert_int_equal(info.trained_length, length);
    dm_session_free(new_session(other, NULL)); /* the global channels are there */
    dm_model_free(other);
    other = NULL;
    options.settings = test_join(parent, "none.json");
    assert_int_equal(dm_model_load(directory, &options, &other, &error), DM_ERROR_IO);
    test_expect_error(&error, DM_ERROR_IO, "none.json");
    assert_null(other);
    char own[TEST_MAX_PATH]; /* is not even looked at */
    snprintf(own, sizeof own, "%s", test_join(directory, "decimamba.json"));
    test_write_file(own, "{", 1);
    options.settings = NULL;
    assert_int_equal(dm_model_load(directory, &options, &other, &error), DM_ERROR_FORMAT);
    options.settings = "";
    require(dm_model_load(directory, &options, &other, &error), &error);
    require(dm_model_get_info(other, &info, &error), &error);
    assert_false(info.has_defaults);
    dm_model_free(other);
    assert_int_equal(remove(own), 0);
}

/* A path goes before the directory, which may be missing then; both ways write the same bytes. */
static void test_path(void **state) {
    (void)state;
    dm_calibration_options options = DM_CALIBRATION_OPTIONS_INIT;
    dm_error error;
    char *inside = strdup(test_join(parent, "decimamba.json")),
         *elsewhere = strdup(test_join(parent, "s"));
    assert_true(inside && elsewhere);
    options.length = length;
    require(dm_calibrate(model, ids, n_id, &options, parent, &error), &error);
    options.path = elsewhere;
    require(dm_calibrate(model, ids, n_id, &options, NULL, &error), &error);
    struct dm_mapped_file a, b;
    require(dm_mapped_file_open(&a, inside, &error), &error);
    require(dm_mapped_file_open(&b, elsewhere, &error), &error);
    assert_int_equal(a.n_byte, b.n_byte);
    assert_memory_equal(a.bytes, b.bytes, a.n_byte);
    dm_mapped_file_close(&a);
    dm_mapped_file_close(&b);
    assert_int_equal(dm_calibrate(model, ids, n_id, NULL, NULL, &error), DM_ERROR_ARGUMENT);
    free(inside);
    free(elsewhere);
}

/* A trainer takes the channels of the global score from there too; its checkpoints keep them. */
static void test_trainer_settings(void **state) {
    (void)state;
    const size_t layer = 1;
    char *path = strdup(test_join(parent, "s")), *saved = strdup(test_join(parent, "saved"));
    assert_true(path && saved);
    dm_trainer_options options = DM_TRAINER_OPTIONS_INIT;
    dm_method_options method = DM_METHOD_OPTIONS_INIT;
    dm_trainer *trainer = NULL;
    dm_error error;
    method.kind = DM_METHOD_DECIMATE, method.score = DM_SCORE_GLOBAL;
    method.layers = &layer, method.n_layer = 1;
    options.method = &method;
    assert_int_equal(dm_trainer_new(directory, &options, &trainer, &error), DM_ERROR_ARGUMENT);
    test_expect_error(&error, DM_ERROR_ARGUMENT, "the channels of layer 1");
    options.settings = path;
    require(dm_trainer_new(directory, &options, &trainer, &error), &error);
    require(dm_trainer_save(trainer, saved, NULL, &error), &error);
    dm_trainer_free(trainer);
    options.settings = "/nowhere";
    assert_int_equal(dm_trainer_new(directory, &options, &trainer, &error), DM_ERROR_IO);
    require(dm_trainer_resume(saved, &options, &trainer, NULL, &error), &error);
    dm_trainer_free(trainer);
    free(path);
    free(saved);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_log_decay),
        cmocka_unit_test(test_settings_from_elsewhere),
        cmocka_unit_test(test_path),
        cmocka_unit_test(test_trainer_settings),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
