/* Structs of callers whose decimamba.h is older or newer than the library. */
#include "engine.h"

#include "api/options.h"
#include "base/memory.h"

/* ---- The rule, on a struct of three members of which the last came later ---- */

struct sample {
    size_t struct_size;
    int a, b;
    size_t later;
};
static const struct dm_struct_kind kind = {"sample", sizeof(struct sample), 16};

static void an_older_struct_gets_defaults(void **state) {
    (void)state;
    struct older {
        size_t struct_size;
        int a, b;
    } *older = some(1, sizeof *older); /* of its own, for those who watch memory */
    *older = (struct older){sizeof *older, 7, 0};
    struct sample own = {sizeof own, 1, 2, 3};
    assert_int_equal(dm_options_take(kind, &own, older, NULL), DM_OK);
    assert_int_equal(own.struct_size, sizeof own);
    assert_int_equal(own.a, 7);
    assert_int_equal(own.b, 0);
    assert_int_equal(own.later, 3);
    own = (struct sample){sizeof own, 1, 2, 3};
    dm_result_give(kind, &own, older);
    assert_int_equal(older->struct_size, sizeof *older);
    assert_int_equal(older->a, 1);
    assert_int_equal(older->b, 2);
    assert_int_equal(dm_options_take(kind, &own, NULL, NULL), DM_OK); /* nothing is given */
    assert_int_equal(own.later, 3);
    dm_result_give(kind, &own, NULL);
    free(older);
}

static void a_newer_struct_is_taken_if_the_rest_is_zero(void **state) {
    (void)state;
    struct {
        struct sample known;
        size_t beyond[2];
    } newer = {{sizeof newer, 4, 5, 6}, {0, 0}};
    struct sample own = {0};
    dm_error error;
    assert_int_equal(dm_options_take(kind, &own, &newer, &error), DM_OK);
    assert_int_equal(own.later, 6);
    newer.beyond[1] = (size_t)1 << 56; /* its last byte */
    own = (struct sample){0};
    assert_int_equal(dm_options_take(kind, &own, &newer, &error), DM_ERROR_ARGUMENT);
    test_expect_error(&error, DM_ERROR_ARGUMENT, "sample: asks for something that this library");
    assert_int_equal(own.later, 0);
    const struct sample result = {sizeof result, 1, 2, 3};
    assert_int_equal(dm_result_check(kind, &newer, &error), DM_OK);
    dm_result_give(kind, &result, &newer);
    assert_int_equal(newer.known.struct_size, sizeof newer);
    assert_int_equal(newer.known.later, 3);
    assert_int_equal(newer.beyond[1], (size_t)1 << 56);
}

static void a_size_without_sense_is_refused(void **state) {
    (void)state;
    const size_t sizes[] = {0, 1, 15, 4097, SIZE_MAX};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct sample given = {sizes[i], 0, 0, 0}, own = {0};
        dm_error error;
        assert_int_equal(dm_options_take(kind, &own, &given, &error), DM_ERROR_ARGUMENT);
        test_expect_error(&error, DM_ERROR_ARGUMENT, "sample: struct_size is");
        assert_int_equal(dm_result_check(kind, &given, &error), DM_ERROR_ARGUMENT);
    }
}

/* ---- The same, through every function that has such a struct ---- */

static const struct shape shape = {.name = "model",
                                   .n_layer = 2,
                                   .d_model = 4,
                                   .expand = 2,
                                   .d_state = 2,
                                   .d_conv = 2,
                                   .dt_rank = 1,
                                   .vocab_size = 8,
                                   .tied = true};
static char parent[TEST_MAX_PATH], path[TEST_MAX_PATH];
static dm_model *model;
static dm_trainer *trainer;
static const int32_t ids[] = {1, 2, 3, 4, 5, 6, 7, 0};
static const size_t start[] = {0, 8};

static int set_up(void **state) {
    (void)state;
    dm_error error;
    test_make_directory(parent);
    snprintf(path, sizeof path, "%s", make_checkpoint(parent, &shape, 1));
    model = load_model(path, NULL, 1);
    require(dm_trainer_new(path, NULL, &trainer, &error), &error);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    dm_model_free(model);
    dm_trainer_free(trainer);
    test_remove_directory(parent);
    return 0;
}

static dm_status load(void *options, dm_error *error) {
    dm_model *made = NULL;
    dm_status status = dm_model_load(path, options, &made, error);
    dm_model_free(made);
    return status;
}
static dm_status open_session(void *options, dm_error *error) {
    dm_session *made = NULL;
    dm_status status = dm_session_new(model, options, &made, error);
    dm_session_free(made);
    return status;
}
static dm_status set_method(void *options, dm_error *error) {
    return dm_trainer_set_method(trainer, options, error);
}
static dm_status calibrate(void *options, dm_error *error) {
    return dm_calibrate(model, ids, 8, options, parent, error);
}
static dm_status calibrate_with(void *method, dm_error *error) {
    dm_calibration_options options = DM_CALIBRATION_OPTIONS_INIT;
    options.length = 4;
    options.method = method;
    return dm_calibrate(model, ids, 8, &options, parent, error);
}
static dm_status start_trainer(void *options, dm_error *error) {
    dm_trainer *made = NULL;
    dm_status status = dm_trainer_new(path, options, &made, error);
    dm_trainer_free(made);
    return status;
}
static dm_status start_with(void *method, dm_error *error) {
    dm_trainer_options options = DM_TRAINER_OPTIONS_INIT;
    options.method = method;
    return start_trainer(&options, error);
}
static dm_status accumulate(void *batch, dm_error *error) {
    return dm_trainer_accumulate(trainer, batch, NULL, error);
}
static dm_status make_sampler(void *options, dm_error *error) {
    dm_sampler *made = NULL;
    dm_status status = dm_sampler_new(8, options, &made, error);
    dm_sampler_free(made);
    return status;
}
static dm_status get_info(void *info, dm_error *error) {
    return dm_model_get_info(model, info, error);
}
static dm_status get_trainer_info(void *info, dm_error *error) {
    return dm_trainer_get_info(trainer, info, error);
}
static dm_status get_method(void *method, dm_error *error) {
    return dm_model_default_method(model, method, error);
}
static dm_status get_setting(void *setting, dm_error *error) {
    dm_method_kind found;
    dm_status status = dm_method_find("mamba-extend", &found, error);
    return status ? status : dm_method_get_setting(found, 0, setting, error);
}
static dm_status get_loss(void *loss, dm_error *error) {
    dm_training_batch batch = DM_TRAINING_BATCH_INIT;
    batch.n_sequence = 1, batch.start = start, batch.ids = ids;
    return dm_trainer_accumulate(trainer, &batch, loss, error);
}
static dm_status get_stats(void *stats, dm_error *error) {
    dm_training_loss loss = DM_TRAINING_LOSS_INIT;
    dm_status status = get_loss(&loss, error);
    return status ? status : dm_trainer_step(trainer, stats, error);
}

struct trial {
    struct dm_struct_kind kind;
    const void *init;
    dm_status (*call)(void *, dm_error *);
    bool is_result;
};

static void check_sizes(const struct trial *trial) {
    enum { beyond = 40 };
    size_t known = trial->kind.known, least = trial->kind.min, size;
    dm_error error;
    unsigned char *given = some(known + beyond, 1);
    memcpy(given, trial->init, known);
    require(trial->call(given, &error), &error); /* models and trainers make memory, and keep it */
    size_t live = dm_memory_live();
    for (size = 8; size < known + beyond; size = size == 8 ? least : size + beyond) {
        unsigned char *cut = some(size, 1); /* of the length that it says */
        memcpy(given, &size, sizeof size);
        memcpy(cut, given, size);
        dm_status status = trial->call(cut, &error);
        if (size < least)
            test_expect_error(&error, DM_ERROR_ARGUMENT, "struct_size is 8, at least");
        else
            require(status, &error);
        assert_memory_equal(cut, &size, sizeof size);
        free(cut);
    }
    size = known + beyond;
    memcpy(given, &size, sizeof size);
    require(trial->call(given, &error), &error);
    given[size - 1] = 1; /* something new is asked for */
    dm_status status = trial->call(given, &error);
    if (trial->is_result)
        require(status, &error);
    else
        test_expect_error(&error, DM_ERROR_ARGUMENT, "the header is newer");
    assert_int_equal(given[size - 1], 1);
    assert_int_equal(dm_memory_live(), live);
    free(given);
}

static void every_function_keeps_the_rule(void **state) {
    (void)state;
    const dm_model_options load_options = DM_MODEL_OPTIONS_INIT;
    const dm_method_options method = DM_METHOD_OPTIONS_INIT;
    const dm_method_setting setting = DM_METHOD_SETTING_INIT;
    const dm_trainer_options trainer_options = DM_TRAINER_OPTIONS_INIT;
    const dm_sampler_options sampler = DM_SAMPLER_OPTIONS_INIT;
    const dm_model_info info = DM_MODEL_INFO_INIT;
    const dm_training_loss loss = DM_TRAINING_LOSS_INIT;
    const dm_step_stats stats = DM_STEP_STATS_INIT;
    dm_calibration_options calibration = DM_CALIBRATION_OPTIONS_INIT;
    dm_training_batch batch = DM_TRAINING_BATCH_INIT;
    calibration.length = 4;
    batch.n_sequence = 1, batch.start = start, batch.ids = ids;
    const struct trial trials[] = {
        {DM_KIND(dm_model_options), &load_options, load, false},
        {DM_KIND(dm_method_options), &method, open_session, false},
        {DM_KIND(dm_method_options), &method, set_method, false},
        {DM_KIND(dm_method_options), &method, start_with, false},
        {DM_KIND(dm_method_options), &method, calibrate_with, false},
        {DM_KIND(dm_calibration_options), &calibration, calibrate, false},
        {DM_KIND(dm_trainer_options), &trainer_options, start_trainer, false},
        {DM_KIND(dm_sampler_options), &sampler, make_sampler, false},
        {DM_KIND(dm_model_info), &info, get_info, true},
        {DM_KIND(dm_model_info), &info, get_trainer_info, true},
        {DM_KIND(dm_method_options), &method, get_method, true},
        {DM_KIND(dm_method_setting), &setting, get_setting, true},
        {DM_KIND(dm_training_batch), &batch, accumulate, false},
        {DM_KIND(dm_training_loss), &loss, get_loss, true},
        {DM_KIND(dm_step_stats), &stats, get_stats, true},
    };
    for (size_t i = 0; i < sizeof trials / sizeof *trials; i++)
        check_sizes(&trials[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_older_struct_gets_defaults),
        cmocka_unit_test(a_newer_struct_is_taken_if_the_rest_is_zero),
        cmocka_unit_test(a_size_without_sense_is_refused),
        cmocka_unit_test(every_function_keeps_the_rule),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
