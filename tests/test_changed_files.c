/* Checkpoint files that somebody writes to, cuts, replaces or removes while a model is in use. */
#include "engine.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mapped_file.h"

static const struct shape shape = {.name = "model",
                                   .n_layer = 2,
                                   .d_model = 64,
                                   .expand = 2,
                                   .d_state = 4,
                                   .d_conv = 2,
                                   .dt_rank = 4,
                                   .vocab_size = 512,
                                   .tied = true};
enum { vocab_size = 512, n_id = 60 };

static char weights[TEST_MAX_PATH];
static int32_t ids[n_id];
static float expected[vocab_size];

static dm_model *load(bool no_map) {
    dm_model_options options = DM_MODEL_OPTIONS_INIT;
    dm_model *model;
    dm_error error;
    options.no_map = no_map;
    options.n_thread = 1;
    require(dm_model_load(test_join(test_directory, "model"), &options, &model, &error), &error);
    return model;
}

/* A session that has read the first `n` ids. */
static dm_session *start(const dm_model *model, size_t n) {
    const dm_method_options plain = DM_METHOD_OPTIONS_INIT;
    dm_session *session = new_session(model, &plain);
    read_text(session, ids, n);
    return session;
}

static void expect_the_logits(dm_session *session) {
    float logits[vocab_size];
    close_text(session, 1, logits);
    assert_memory_equal(logits, expected, sizeof expected);
    dm_session_free(session);
}

static int set_up(void **state) {
    test_set_up(state);
    make_checkpoint(test_directory, &shape, 1);
    snprintf(weights, sizeof weights, "%s", test_join(test_directory, "model/model.safetensors"));
    for (int i = 0; i < n_id; i++)
        ids[i] = i * 37 % vocab_size;
    dm_model *model = load(false);
    dm_session *session = start(model, n_id);
    close_text(session, 1, expected);
    dm_session_free(session);
    dm_model_free(model);
    return 0;
}

/* Overwrites the file where it lies, with zeros. */
static void spoil(void) {
    size_t n_byte;
    unsigned char *bytes = test_read_file(weights, &n_byte);
    memset(bytes, 0, n_byte);
    test_write_file(weights, bytes, n_byte);
    free(bytes);
}

static void cut(void) {
    assert_int_equal(truncate(weights, 100), 0);
}

static void delete_it(void) {
    assert_int_equal(unlink(weights), 0);
}

static void replace(void) {
    char other[TEST_MAX_PATH];
    snprintf(other, sizeof other, "%s", test_join(test_directory, "model/new"));
    test_write_file(other, "another file", 12);
    assert_int_equal(rename(other, weights), 0);
}

static void everything_works(void (*change)(void), bool no_map) {
    dm_model *model = load(no_map);
    dm_session *session = start(model, n_id / 2), *again = NULL;
    dm_error error;
    change();
    const char *path = test_join(test_directory, "session");
    require(dm_session_save(session, path, &error), &error);
    read_text(session, ids + n_id / 2, n_id - n_id / 2);
    expect_the_logits(session);
    require(dm_session_restore(model, path, &again, &error), &error);
    read_text(again, ids + n_id / 2, n_id - n_id / 2);
    expect_the_logits(again);
    expect_the_logits(start(model, n_id));
    dm_model_free(model);
}

static void a_copy_does_not_care(void **state) {
    void (*const changes[])(void) = {spoil, cut, delete_it, replace};
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        everything_works(changes[i], true);
        test_tear_down(state);
        set_up(state);
    }
}

static void a_map_outlives_its_name(void **state) {
    everything_works(delete_it, false);
    test_tear_down(state);
    set_up(state);
    everything_works(replace, false);
}

/* A session file made of what is no longer there would belong to no checkpoint. */
static void a_map_that_was_written_to_is_noticed(void **state) {
    (void)state;
    dm_model *model = load(false);
    dm_session *session = start(model, n_id / 2), *made = NULL;
    char path[TEST_MAX_PATH];
    dm_error error;
    snprintf(path, sizeof path, "%s", test_join(test_directory, "session"));
    require(dm_session_save(session, path, &error), &error);
    spoil();
    assert_int_equal(dm_session_save(session, path, &error), DM_ERROR_IO);
    test_expect_error(&error, DM_ERROR_IO, "model.safetensors: the file was changed while");
    cut(); /* to touch the map would end the process now */
    assert_int_equal(dm_session_save(session, path, &error), DM_ERROR_IO);
    assert_int_equal(dm_session_restore(model, path, &made, &error), DM_ERROR_IO);
    test_expect_error(&error, DM_ERROR_IO, "model.safetensors: the file was changed while");
    assert_null(made);
    dm_session_free(session);
    dm_model_free(model);
}

/* A process that flips a file's length between its own and none, until it is killed. */
static pid_t start_trouble(const char *path) {
    size_t n_byte;
    unsigned char *bytes = test_read_file(path, &n_byte);
    pid_t process = fork();
    assert_true(process >= 0);
    if (process == 0) {
        alarm(30);
        for (;;) {
            int file = open(path, O_WRONLY | O_TRUNC);
            ssize_t written = write(file, bytes, n_byte);
            close(file);
            if (written != (ssize_t)n_byte)
                _exit(1);
            usleep(2000);
        }
    }
    free(bytes);
    return process;
}

/* While somebody writes to every file, a copy either loads as it was or says what is wrong. */
static void a_copy_survives_trouble(void **state) {
    (void)state;
    enum { n_load = 200 };
    dm_model_options options = DM_MODEL_OPTIONS_INIT;
    options.no_map = 1;
    options.n_thread = 1;
    size_t n_good = 0, n_bad = 0;
    pid_t processes[] = {start_trouble(weights),
                         start_trouble(test_join(test_directory, "model/config.json"))};
    for (int i = 0; i < n_load || (!(n_good && n_bad) && i < 20 * n_load); i++) {
        dm_model *model;
        if (dm_model_load(test_join(test_directory, "model"), &options, &model, NULL)) {
            n_bad++;
            continue;
        }
        n_good++;
        expect_the_logits(start(model, n_id));
        dm_model_free(model);
    }
    for (size_t i = 0; i < 2; i++) {
        int status;
        assert_int_equal(kill(processes[i], SIGKILL), 0);
        assert_int_equal(waitpid(processes[i], &status, 0), processes[i]);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    }
    assert_true(n_good > 0 && n_bad > 0);
    print_message("%zu loads as it was, %zu refused\n", n_good, n_bad);
}

static void looks_at_size_and_time(void **state) {
    (void)state;
    struct dm_mapped_file file;
    dm_error error;
    const char *path = test_join(test_directory, "file");
    test_write_file(path, "abc", 3);
    assert_int_equal(dm_mapped_file_open(&file, path, NULL), DM_OK);
    assert_int_equal(dm_mapped_file_check(&file, NULL), DM_OK);
    const struct timespec times[] = {{1, 0}, {1, 0}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    assert_int_equal(dm_mapped_file_check(&file, &error), DM_ERROR_IO);
    test_expect_error(&error, DM_ERROR_IO, "file: the file was changed");
    dm_mapped_file_close(&file);
    assert_int_equal(dm_mapped_file_read(&file, path, NULL), DM_OK);
    assert_int_equal(truncate(path, 1), 0);
    assert_int_equal(dm_mapped_file_check(&file, NULL), DM_OK);
    dm_mapped_file_forget_pages(&file);
    assert_memory_equal(file.bytes, "abc", 3);
    dm_mapped_file_close(&file);
    test_write_file(path, "", 0);
    assert_int_equal(dm_mapped_file_read(&file, path, NULL), DM_OK);
    assert_null(file.bytes);
    dm_mapped_file_close(&file);
    assert_int_equal(dm_mapped_file_read(&file, test_directory, &error), DM_ERROR_IO);
    test_expect_error(&error, DM_ERROR_IO, "not a regular file");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, test_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_copy_does_not_care),
        TEST(a_map_outlives_its_name),
        TEST(a_map_that_was_written_to_is_noticed),
        TEST(a_copy_survives_trouble),
        TEST(looks_at_size_and_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
