/* Several threads that load and read at the same time, and processes that fork. */
#include "engine.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"

static const struct shape shapes[] = {{"one", 2, 32, 2, 4, 4, 2, 64, true},
                                      {"other", 3, 24, 2, 4, 4, 2, 64, false}};
enum { n_shape = 2, n_thread = 4, n_round = 6, vocab_size = 64, n_id = 100 };

static char parent[TEST_MAX_PATH], paths[n_shape][TEST_MAX_PATH];
static float expected[n_shape][vocab_size];
static int32_t ids[n_id];

/* Loads a model, reads the text, and gives the logits; false: something failed. */
static bool load_and_read(size_t which, float *logits) {
    dm_model_options options = DM_MODEL_OPTIONS_INIT;
    dm_model *model = NULL;
    dm_session *session = NULL;
    options.n_thread = 2;
    bool ok = !dm_model_load(paths[which], &options, &model, NULL) &&
              !dm_session_new(model, NULL, &session, NULL) &&
              !dm_session_append(session, ids, n_id, NULL) &&
              !dm_session_logits(session, 1, logits, NULL);
    dm_session_free(session);
    dm_model_free(model);
    return ok;
}

static int set_up(void **state) {
    (void)state;
    test_make_directory(parent);
    for (int i = 0; i < n_id; i++)
        ids[i] = i * 7 % vocab_size;
    for (size_t i = 0; i < n_shape; i++) {
        snprintf(paths[i], TEST_MAX_PATH, "%s", make_checkpoint(parent, &shapes[i], 1));
        assert_true(load_and_read(i, expected[i]));
    }
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    test_remove_directory(parent);
    return 0;
}

static bool reads_right(size_t which) {
    float logits[vocab_size];
    return load_and_read(which, logits) && !memcmp(logits, expected[which], sizeof logits);
}

static void *work(void *argument) {
    size_t first = (size_t)(uintptr_t)argument, n_right = 0;
    for (size_t i = 0; i < n_round; i++)
        n_right += reads_right((first + i) % n_shape);
    return (void *)(uintptr_t)n_right;
}

static void threads_load_at_once(void **state) {
    (void)state;
    pthread_t threads[n_thread];
    size_t live = dm_memory_live();
    for (size_t i = 0; i < n_thread; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, (void *)(uintptr_t)i), 0);
    for (size_t i = 0; i < n_thread; i++) {
        void *n_right;
        assert_int_equal(pthread_join(threads[i], &n_right), 0);
        assert_int_equal((uintptr_t)n_right, n_round);
    }
    assert_int_equal(dm_memory_live(), live);
}

/* A child loads for itself; the parent's model, with its threads, goes on. */
static void a_child_loads_for_itself(void **state) {
    (void)state;
#ifdef __SANITIZE_THREAD__
    skip(); /* it does not let a forked child start threads */
#endif
    if (getenv("MESON_EXE_WRAPPER"))
        skip(); /* nor does qemu-user 7.2: an assertion of its own fails there */
    const dm_method_options plain = DM_METHOD_OPTIONS_INIT;
    float logits[vocab_size];
    dm_model *model = load_model(paths[0], NULL, 2);
    dm_session *session = new_session(model, &plain);
    read_text(session, ids, n_id / 2);
    for (int i = 0; i < n_round; i++) {
        int status;
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            alarm(60);
            _exit(reads_right((size_t)i % n_shape) ? 0 : 1);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
    }
    read_text(session, ids + n_id / 2, n_id - n_id / 2);
    close_text(session, 1, logits);
    assert_memory_equal(logits, expected[0], sizeof logits);
    dm_session_free(session);
    dm_model_free(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_load_at_once),
        cmocka_unit_test(a_child_loads_for_itself),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
