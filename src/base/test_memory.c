#include "test_support.h"

#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include "base/memory.h"
#include "base/status.h"

static void checks_overflow(void **state) {
    size_t result;
    assert_true(dm_size_mul(SIZE_MAX, 1, &result) && result == SIZE_MAX);
    assert_false(dm_size_mul(SIZE_MAX / 2 + 1, 2, &result));
    assert_true(dm_size_add(SIZE_MAX, 0, &result) && result == SIZE_MAX);
    assert_false(dm_size_add(SIZE_MAX, 1, &result));
    size_t live = dm_memory_live();
    assert_null(dm_memory_array(SIZE_MAX, 1)); /* no room to align */
    assert_null(dm_memory_array(SIZE_MAX / 2, 3));
    assert_null(dm_memory_zeroed(SIZE_MAX / 2, 3));
    assert_null(dm_memory_resize(NULL, 0, SIZE_MAX / 2, 3));
    assert_int_equal(dm_memory_live(), live);
    (void)state;
}

static void allocates_aligned(void **state) {
    size_t live = dm_memory_live();
    for (size_t n = 0; n < 200; n += 33) {
        unsigned char *bytes = dm_memory_zeroed(n, 1);
        assert_non_null(bytes);
        assert_int_equal((uintptr_t)bytes % 64, 0);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(bytes[i], 0);
        dm_memory_free(bytes);
    }
    dm_memory_free(NULL);
    assert_int_equal(dm_memory_live(), live);
    (void)state;
}

static void resizes_and_copies(void **state) {
    size_t live = dm_memory_live();
    uint32_t *numbers = dm_memory_resize(NULL, 0, 3, sizeof *numbers);
    for (uint32_t i = 0; i < 3; i++)
        numbers[i] = i;
    numbers = dm_memory_resize(numbers, 3, 1000, sizeof *numbers);
    assert_true(numbers[0] == 0 && numbers[2] == 2);
    assert_null(dm_memory_resize(numbers, 1000, SIZE_MAX / 2, sizeof *numbers));
    assert_int_equal(numbers[2], 2); /* still valid */
    numbers = dm_memory_resize(numbers, 1000, 2, sizeof *numbers);
    assert_int_equal(numbers[1], 1);
    dm_memory_free(numbers);
    char *copy = dm_memory_text("text");
    assert_string_equal(copy, "text");
    dm_memory_free(copy);
    assert_int_equal(dm_memory_live(), live);
    (void)state;
}

static void fails_when_told(void **state) {
    size_t live = dm_memory_live();
    dm_memory_fail_at(2);
    void *first = dm_memory_array(1, 1);
    assert_non_null(first);
    assert_int_equal(dm_memory_live(), live + 1);
    assert_null(dm_memory_array(1, 1));
    assert_null(dm_memory_zeroed(1, 1)); /* and all that follow */
    assert_null(dm_memory_text("x"));
    assert_null(dm_memory_resize(first, 1, 2, 1));
    assert_true(dm_memory_failed());
    dm_memory_fail_once(1);
    assert_false(dm_memory_failed());
    assert_null(dm_memory_array(1, 1));
    assert_true(dm_memory_failed());
    void *second = dm_memory_array(1, 1); /* none that follows */
    assert_non_null(second);
    dm_memory_free(first);
    dm_memory_free(second);
    assert_int_equal(dm_memory_live(), live);
    (void)state;
}

/* Zeros on a large page's border, all of which can be written to; what is asked for decides, not what
 * is there. */
static void allocates_large(void **state) {
    size_t live = dm_memory_live();
    static const size_t sizes[] = {1, (1 << 21) - 1, 1 << 21, (1 << 21) + 1, 10000000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        unsigned char *bytes = dm_memory_large(sizes[i]);
        assert_non_null(bytes);
        assert_int_equal((uintptr_t)bytes % (1 << 21), 0);
        assert_int_equal(dm_memory_live(), live + 1);
        assert_true(bytes[0] == 0 && bytes[sizes[i] - 1] == 0);
        memset(bytes, 1, sizes[i]);
        dm_memory_large_free(bytes, sizes[i]);
    }
    assert_null(dm_memory_large(0));
    assert_null(dm_memory_large(SIZE_MAX));
    assert_null(dm_memory_large(SIZE_MAX / 2));
    dm_memory_fail_at(1);
    assert_null(dm_memory_large(1));
    dm_memory_fail_at(0);
    dm_memory_large_free(NULL, 5);
    assert_int_equal(dm_memory_live(), live);
    (void)state;
}

enum { n_thread = 4, n_call = 20000 };

static void *count_refused(void *out) {
    size_t refused = 0;
    for (size_t i = 0; i < n_call; i++) {
        void *bytes = dm_memory_array(1, 1);
        refused += !bytes;
        dm_memory_free(bytes);
    }
    *(size_t *)out = refused;
    return NULL;
}

/* However the threads' allocations mix, each is counted. */
static void counts_the_allocations_of_all_threads(void **state) {
    size_t live = dm_memory_live();
    for (int once = 0; once < 2; once++) {
        pthread_t threads[n_thread];
        size_t refused[n_thread], total = 0, allowed = (size_t)n_thread * n_call / 2;
        (once ? dm_memory_fail_once : dm_memory_fail_at)(allowed + 1);
        for (int t = 0; t < n_thread; t++)
            assert_int_equal(pthread_create(&threads[t], NULL, count_refused, &refused[t]), 0);
        for (int t = 0; t < n_thread; t++) {
            assert_int_equal(pthread_join(threads[t], NULL), 0);
            total += refused[t];
        }
        dm_memory_fail_at(0);
        assert_int_equal(total, once ? 1 : (size_t)n_thread * n_call - allowed);
    }
    assert_int_equal(dm_memory_live(), live);
    (void)state;
}

static void shows_control_characters(void **state) {
    dm_error error;
    assert_int_equal(dm_fail(&error, DM_ERROR_FORMAT, "a\n%s", "\x1b[0m\x7f"), DM_ERROR_FORMAT);
    assert_string_equal(error.message, "a??[0m?");
    char text[1000];
    memset(text, 'x', sizeof text);
    text[999] = 0;
    dm_error_set(&error, DM_ERROR_IO, "%s", text);
    assert_int_equal(strlen(error.message), sizeof error.message - 1);
    assert_int_equal(dm_fail(NULL, DM_ERROR_IO, "x"), DM_ERROR_IO);
    (void)state;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checks_overflow),
        cmocka_unit_test(allocates_aligned),
        cmocka_unit_test(resizes_and_copies),
        cmocka_unit_test(fails_when_told),
        cmocka_unit_test(allocates_large),
        cmocka_unit_test(counts_the_allocations_of_all_threads),
        cmocka_unit_test(shows_control_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
