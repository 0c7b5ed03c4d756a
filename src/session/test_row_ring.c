#include "test_support.h"

#include "base/memory.h"
#include "base/random.h"
#include "session/row_ring.h"

enum { width = 3, longest = 200 };

/* Against the whole stream, at every range of what it should hold. */
static void test_against_stream(void **state) {
    (void)state;
    static float stream[longest * width], rows[longest * width];
    static const size_t capacities[] = {1, 2, 7, 40};
    struct dm_random random;
    dm_random_seed(&random, 3);
    for (int i = 0; i < longest * width; i++)
        stream[i] = (float)i;
    for (int c = 0; c < 4; c++) {
        struct dm_row_ring ring;
        assert_int_equal(dm_row_ring_new(&ring, width, capacities[c], NULL), DM_OK);
        for (size_t at = 0; at < longest;) {
            size_t n = dm_random_below(&random, c % 2 ? 5 : 60);
            n = n < longest - at ? n : longest - at;
            dm_row_ring_push(&ring, stream + at * width, n);
            at += n;
            assert_int_equal(ring.n, at < capacities[c] ? at : capacities[c]);
            for (size_t back = 0; back <= ring.n; back++) {
                size_t n_row = dm_random_below(&random, back + 1);
                dm_row_ring_range(&ring, back, n_row, rows);
                assert_memory_equal(rows, stream + (at - back) * width,
                                    n_row * width * sizeof(float));
            }
        }
        dm_row_ring_clear(&ring);
        assert_int_equal(ring.n, 0);
        dm_row_ring_push(&ring, stream, 1);
        dm_row_ring_range(&ring, 1, 1, rows);
        assert_memory_equal(rows, stream, width * sizeof(float));
        dm_row_ring_free(&ring);
    }
    assert_int_equal(dm_memory_live(), 0);
}

static void test_too_large(void **state) {
    (void)state;
    struct dm_row_ring ring;
    dm_error error;
    assert_int_equal(dm_row_ring_new(&ring, width, SIZE_MAX, &error), DM_ERROR_MEMORY);
    assert_int_equal(dm_row_ring_new(&ring, SIZE_MAX, 2, &error), DM_ERROR_MEMORY);
    dm_row_ring_free(&ring);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_stream),
                                       cmocka_unit_test(test_too_large)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
