#include "test_support.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "base/memory.h"
#include "base/threads.h"

enum { max_n = 1000 };

struct counts {
    atomic_uint of[max_n];
};

static void count(void *context, size_t i) {
    struct counts *counts = context;
    atomic_fetch_add(&counts->of[i], 1);
}

/* Every index is called once, and none beyond. */
static void calls_every_index_once(void **state) {
    static const size_t sizes[] = {0, 1, 2, 3, 7, 64, max_n};
    for (size_t n_thread = 1; n_thread <= 7; n_thread += 3) {
        struct dm_threads *threads;
        assert_int_equal(dm_threads_new(n_thread, &threads, NULL), DM_OK);
        assert_int_equal(dm_threads_count(threads), n_thread);
        for (int repeat = 0; repeat < 50; repeat++)
            for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
                struct counts counts = {0};
                dm_parallel_for(threads, sizes[i], count, &counts);
                for (size_t k = 0; k < max_n; k++)
                    assert_int_equal(counts.of[k], k < sizes[i]);
            }
        dm_threads_free(threads);
    }
    struct counts counts = {0};
    dm_parallel_for(NULL, 10, count, &counts);
    assert_int_equal(counts.of[9], 1);
    assert_int_equal(dm_threads_count(NULL), 1);
    dm_threads_free(NULL);
    (void)state;
}

struct nest {
    struct dm_threads *threads;
    atomic_size_t sum;
};

static void add_inner(void *context, size_t i) {
    struct nest *nest = context;
    atomic_fetch_add(&nest->sum, i);
}

static void run_inner(void *context, size_t i) {
    struct nest *nest = context;
    (void)i;
    dm_parallel_for(nest->threads, 10, add_inner, nest);
}

static void runs_loops_inside_loops(void **state) {
    struct nest nest = {0};
    assert_int_equal(dm_threads_new(3, &nest.threads, NULL), DM_OK);
    for (int repeat = 0; repeat < 100; repeat++) {
        atomic_store(&nest.sum, 0);
        dm_parallel_for(nest.threads, 20, run_inner, &nest);
        assert_int_equal(nest.sum, 20 * 45);
    }
    dm_threads_free(nest.threads);
    (void)state;
}

struct caller {
    struct dm_threads *threads;
    bool is_right;
};

static void *call_often(void *argument) {
    struct caller *caller = argument;
    caller->is_right = true;
    for (int repeat = 0; repeat < 200; repeat++) {
        struct nest nest = {0};
        dm_parallel_for(caller->threads, 100, add_inner, &nest);
        if (nest.sum != 4950)
            caller->is_right = false;
    }
    return NULL;
}

static void serves_many_callers(void **state) {
    enum { n_caller = 8 };
    struct dm_threads *threads;
    struct caller callers[n_caller];
    pthread_t handles[n_caller];
    assert_int_equal(dm_threads_new(3, &threads, NULL), DM_OK);
    for (int i = 0; i < n_caller; i++) {
        callers[i] = (struct caller){threads, false};
        assert_int_equal(pthread_create(&handles[i], NULL, call_often, &callers[i]), 0);
    }
    for (int i = 0; i < n_caller; i++) {
        pthread_join(handles[i], NULL);
        assert_true(callers[i].is_right);
    }
    dm_threads_free(threads);
    (void)state;
}

enum { n_together = 4 };

/* Waits for the others, so that each thread takes one piece. */
static void use_stack(void *context, size_t i) {
    atomic_size_t *n_inside = context;
    volatile char stack[600000];
    atomic_fetch_add(n_inside, 1);
    while (atomic_load(n_inside) < n_together)
        sched_yield();
    for (size_t k = 0; k < sizeof stack; k += 1000)
        stack[k] = (char)i;
}

/* Whatever stack the system gives a thread that asks for none. */
static void has_room_on_the_stack(void **state) {
    struct dm_threads *threads;
    atomic_size_t n_inside = 0;
    assert_int_equal(dm_threads_new(n_together, &threads, NULL), DM_OK);
    dm_parallel_for(threads, n_together, use_stack, &n_inside);
    assert_int_equal(n_inside, n_together);
    dm_threads_free(threads);
    (void)state;
}

static void fails_cleanly(void **state) {
    struct dm_threads *threads = NULL;
    dm_error error;
    size_t live = dm_memory_live();
    assert_int_equal(dm_threads_new(1025, &threads, &error), DM_ERROR_ARGUMENT);
    test_expect_error(&error, DM_ERROR_ARGUMENT, "1025");
    for (size_t n = 1; n <= 2; n++) {
        dm_memory_fail_at(n);
        assert_int_equal(dm_threads_new(2, &threads, &error), DM_ERROR_MEMORY);
        dm_memory_fail_at(0);
    }
    assert_null(threads);
    assert_int_equal(dm_memory_live(), live);
    assert_int_equal(dm_threads_new(0, &threads, NULL), DM_OK);
    assert_true(dm_threads_count(threads) >= 1);
    dm_threads_free(threads);
    assert_int_equal(dm_memory_live(), live);
    (void)state;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_every_index_once), cmocka_unit_test(runs_loops_inside_loops),
        cmocka_unit_test(serves_many_callers),    cmocka_unit_test(has_room_on_the_stack),
        cmocka_unit_test(fails_cleanly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
