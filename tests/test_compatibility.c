/* Files of every version that was ever written, in tests/data/compatibility/version-N: this build
 * reads them, and comes to the numbers that were written beside them, or refuses them in words that
 * name the file and its version. And versions that never were.
 *
 *     build/tests/test_compatibility write DIRECTORY     makes such files, of the present version
 */
#include "engine.h"

#include <sys/stat.h>

#include "base/memory.h"

static const struct shape shape = {.name = "model",
                                   .n_layer = 2,
                                   .d_model = 8,
                                   .expand = 2,
                                   .d_state = 4,
                                   .d_conv = 4,
                                   .dt_rank = 2,
                                   .vocab_size = 16,
                                   .tied = true};
enum { vocab_size = 16, n_id = 30, n_read = 20, n_number = vocab_size + 3 };
static const char *const folders[] = {"compatibility/version-1"};

static char folder[TEST_MAX_PATH]; /* of the files */
static int32_t ids[n_id];
static const size_t start[] = {0, 12, n_id};
static dm_training_batch batch = DM_TRAINING_BATCH_INIT;

static void make_text(void) {
    for (int i = 0; i < n_id; i++)
        ids[i] = i * i % vocab_size;
    batch.n_sequence = 2;
    batch.start = start;
    batch.ids = ids;
}

static const char *inside(const char *name) {
    return test_join(folder, name);
}

/* ---- What is done with the files; each gives numbers ---- */

/* Goes on with a session of which n_read ids were read: the logits at the end. */
static dm_status use_session(double *numbers, dm_error *error) {
    float logits[vocab_size];
    dm_model *model = load_model(inside("model"), NULL, 1);
    dm_session *session = NULL;
    dm_status status = dm_session_restore(model, inside("session"), &session, error);
    if (!status) {
        read_text(session, ids + n_read, n_id - n_read);
        close_text(session, 1, logits);
        for (int i = 0; i < vocab_size; i++)
            numbers[i] = (double)logits[i];
    }
    dm_session_free(session);
    dm_model_free(model);
    return status;
}

/* Takes a training's fourth step: its loss. */
static dm_status use_training(double *numbers, dm_error *error) {
    dm_trainer_options options = DM_TRAINER_OPTIONS_INIT;
    dm_trainer *trainer = NULL;
    dm_step_stats stats = DM_STEP_STATS_INIT;
    char *note = NULL;
    options.n_thread = 1;
    options.learning_rate = 1e-2;
    dm_status status = dm_trainer_resume(inside("training"), &options, &trainer, &note, error);
    if (!status) {
        assert_string_equal(note, "what the caller keeps");
        assert_int_equal(dm_trainer_step_count(trainer), 3);
        require(dm_trainer_accumulate(trainer, &batch, NULL, error), error);
        require(dm_trainer_step(trainer, &stats, error), error);
        numbers[0] = stats.loss;
        numbers[1] = stats.gradient_norm;
    }
    dm_free(note);
    dm_trainer_free(trainer);
    return status;
}

/* The settings in decimamba.json. */
static dm_status use_settings(double *numbers, dm_error *error) {
    dm_model_options options = DM_MODEL_OPTIONS_INIT;
    dm_method_options method = DM_METHOD_OPTIONS_INIT;
    dm_model *model = NULL;
    options.settings = inside("model/decimamba.json");
    dm_status status = dm_model_load(inside("model"), &options, &model, error);
    if (!status) {
        require(dm_model_default_method(model, &method, error), error);
        assert_int_equal(method.kind, DM_METHOD_DECIMATE);
        assert_int_equal(method.score, DM_SCORE_GLOBAL);
        assert_int_equal(method.n_layer, 1);
        assert_int_equal(method.layers[0], 1);
        assert_int_equal(method.min_length, 3);
        numbers[0] = (double)method.base_length + method.beta;
    }
    dm_model_free(model);
    return status;
}

static const struct use {
    dm_status (*run)(double *numbers, dm_error *error);
    size_t n;
    const char *file; /* that has the version */
    const char *text; /* as it is written there */
} uses[] = {
    {use_session, vocab_size, "session", "\"version\":\"1\""},
    {use_training, 2, "training/trainer.json", "\"version\": 1"},
    {use_settings, 1, "model/decimamba.json", "\"version\": 1"},
};
enum { n_use = sizeof uses / sizeof *uses };

/* ---- Making them ---- */

static void make_session(void) {
    dm_error error;
    dm_model *model = load_model(inside("model"), NULL, 1);
    dm_session *session = new_session(model, NULL);
    read_text(session, ids, n_read);
    require(dm_session_save(session, inside("session"), &error), &error);
    dm_session_free(session);
    dm_model_free(model);
}

static void make_settings(void) {
    const size_t layer = 1;
    dm_error error;
    dm_calibration_options options = DM_CALIBRATION_OPTIONS_INIT;
    dm_method_options method = DM_METHOD_OPTIONS_INIT;
    method.kind = DM_METHOD_DECIMATE;
    method.score = DM_SCORE_GLOBAL;
    method.layers = &layer;
    method.n_layer = 1;
    method.base_length = 8;
    method.min_length = 3;
    options.length = 10;
    options.method = &method;
    dm_model *model = load_model(inside("model"), NULL, 1);
    require(dm_calibrate(model, ids, n_id, &options, inside("model"), &error), &error);
    dm_model_free(model);
}

static void make_training(void) {
    dm_error error;
    dm_trainer *trainer;
    dm_trainer_options options = DM_TRAINER_OPTIONS_INIT;
    options.learning_rate = 1e-2;
    require(dm_trainer_new(inside("model"), &options, &trainer, &error), &error);
    for (int i = 0; i < 3; i++) {
        require(dm_trainer_accumulate(trainer, &batch, NULL, &error), &error);
        require(dm_trainer_step(trainer, NULL, &error), &error);
    }
    require(dm_trainer_save(trainer, inside("training"), "what the caller keeps", &error), &error);
    dm_trainer_free(trainer);
}

static int write_files(const char *directory) {
    dm_error error;
    double numbers[n_number] = {0};
    mkdir(directory, 0777);
    snprintf(folder, sizeof folder, "%s", directory);
    make_checkpoint(folder, &shape, 1);
    make_settings();
    make_session();
    make_training();
    FILE *file = fopen(inside("numbers.txt"), "w");
    for (size_t i = 0, n = 0; i < n_use; n += uses[i++].n) {
        require(uses[i].run(numbers + n, &error), &error);
        for (size_t j = n; j < n + uses[i].n; j++)
            fprintf(file, "%.9g\n", numbers[j]);
    }
    return fclose(file);
}

/* ---- Tests ---- */

static void read_numbers(double *numbers) {
    FILE *file = fopen(inside("numbers.txt"), "r");
    assert_non_null(file);
    for (int i = 0; i < n_number; i++)
        assert_int_equal(fscanf(file, "%lf", &numbers[i]), 1);
    fclose(file);
}

/* "version-3" -> "version 3" */
static void words_of(const char *name, char *words, size_t size) {
    snprintf(words, size, "%s", strrchr(name, '/') + 1);
    *strchr(words, '-') = ' ';
}

static void reads_or_refuses_every_version(void **state) {
    (void)state;
    for (size_t f = 0; f < sizeof folders / sizeof *folders; f++) {
        double expected[n_number], numbers[n_number];
        char version[32];
        words_of(folders[f], version, sizeof version);
        snprintf(folder, sizeof folder, "%s", test_data(folders[f]));
        read_numbers(expected);
        for (size_t i = 0, n = 0; i < n_use; n += uses[i++].n) {
            dm_error error;
            dm_status status = uses[i].run(numbers, &error);
            if (status) {
                test_expect_error(&error, DM_ERROR_UNSUPPORTED, uses[i].file);
                test_expect_error(&error, DM_ERROR_UNSUPPORTED, version);
                continue;
            }
            for (size_t j = 0; j < uses[i].n; j++)
                assert_true(fabs(numbers[j] - expected[n + j]) <=
                            1e-4 * fmax(1, fabs(expected[n + j])));
        }
    }
}

/* Puts a text of the same length in the place of another that occurs once. */
static void change(const char *path, const char *from, const char *to) {
    size_t n_byte, n = strlen(from), n_found = 0;
    unsigned char *bytes = test_read_file(path, &n_byte);
    assert_int_equal(strlen(to), n);
    for (size_t i = 0; i + n <= n_byte; i++)
        if (!memcmp(bytes + i, from, n)) {
            memcpy(bytes + i, to, n);
            n_found++;
        }
    assert_int_equal(n_found, 1);
    test_write_file(path, bytes, n_byte);
    free(bytes);
}

static void try_version(const struct use *use, const char *text, dm_status expected,
                        const char *words) {
    char path[TEST_MAX_PATH];
    double numbers[n_number];
    dm_error error;
    size_t live = dm_memory_live();
    snprintf(path, sizeof path, "%s", inside(use->file));
    change(path, use->text, text);
    dm_status status = use->run(numbers, &error);
    assert_int_equal(status, expected);
    test_expect_error(&error, expected, use->file);
    test_expect_error(&error, expected, words);
    assert_int_equal(dm_memory_live(), live);
    change(path, text, use->text);
    require(use->run(numbers, &error), &error);
}

static void refuses_other_versions_in_words(void **state) {
    (void)state;
    char text[32];
    test_set_up(state);
    write_files(test_join(test_directory, "files"));
    for (size_t i = 0; i < n_use; i++) {
        char *digit = strchr(strcpy(text, uses[i].text), '1');
        *digit = '0';
        try_version(&uses[i], text, DM_ERROR_UNSUPPORTED, "version 0, this library reads 1");
        *digit = '9';
        try_version(&uses[i], text, DM_ERROR_UNSUPPORTED, "version 9, this library reads 1");
        *digit = '1';
        *strchr(text, 'v') = 'w'; /* "wersion" */
        try_version(&uses[i], text, DM_ERROR_FORMAT, "no ");
    }
    test_tear_down(state);
}

int main(int n_argument, char **arguments) {
    make_text();
    if (n_argument == 3 && !strcmp(arguments[1], "write"))
        return write_files(arguments[2]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_or_refuses_every_version),
        cmocka_unit_test(refuses_other_versions_in_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
