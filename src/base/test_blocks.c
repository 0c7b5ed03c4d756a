/* Blocks against the numbers that the gguf package makes of them (scripts/make_block_cases.py), and what
 * rounding to blocks loses. */
#include "base/blocks.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "test_support.h"

static const struct dm_block_kind *const kinds[] = {
    &dm_blocks_q4_0, &dm_blocks_q8_0, &dm_blocks_q4_k, &dm_blocks_q5_k, &dm_blocks_q6_k};
static const char *const files[] = {"q4_0", "q8_0", "q4_k", "q5_k", "q6_k"};
enum { n_kind = sizeof kinds / sizeof *kinds, n_weight = 1024 };

static void *read_case(const char *name, const char *end, size_t n_byte) {
    char path[TEST_MAX_PATH];
    size_t n_read;
    snprintf(path, sizeof path, "blocks/%s.%s", name, end);
    void *bytes = test_read_file(test_data(path), &n_read);
    assert_int_equal(n_read, n_byte);
    return bytes;
}

static void reads_what_gguf_reads(void **state) {
    (void)state;
    for (size_t k = 0; k < n_kind; k++) {
        void *blocks = read_case(files[k], "blocks", dm_blocks_bytes(kinds[k], n_weight));
        float *expected = read_case(files[k], "floats", n_weight * sizeof *expected);
        float floats[n_weight];
        dm_blocks_to_floats(kinds[k], blocks, 0, n_weight, floats);
        assert_memory_equal(floats, expected, sizeof floats);
        dm_blocks_to_floats(kinds[k], blocks, 301, 77, floats); /* a part */
        assert_memory_equal(floats, expected + 301, 77 * sizeof *floats);
        free(blocks);
        free(expected);
    }
}

static void knows_their_sizes(void **state) {
    (void)state;
    assert_int_equal(dm_blocks_bytes(&dm_blocks_q4_0, 64), 36);
    assert_int_equal(dm_blocks_bytes(&dm_blocks_q8_0, 33), 68);
    assert_int_equal(dm_blocks_bytes(&dm_blocks_q4_k, 257), 288);
    for (size_t k = 0; k < n_kind; k++)
        assert_true(dm_blocks_are_narrow(kinds[k]) == (files[k][1] == '4'));
}

/* x rounded; returns the error's share of the row's norm. */
static double round_row(const struct dm_block_kind *kind, const float *x, size_t n,
                        float *rounded) {
    unsigned char row[2 * 1088];
    double error = 0, square = 0;
    assert_true(dm_blocks_bytes(kind, n) <= sizeof row);
    assert_true(dm_blocks_from_floats(kind, x, n, row));
    dm_blocks_to_floats(kind, row, 0, n, rounded);
    for (size_t i = 0; i < n; i++) {
        error += pow((double)rounded[i] - (double)x[i], 2);
        square += (double)x[i] * (double)x[i];
    }
    return square > 0 ? sqrt(error / square) : error;
}

/* Fifteen steps between the least and the greatest of 32 normal numbers leave 7.9%; lines that are fitted
 * leave 7.2 (by numpy). */
static void rounds_to_four_bits(void **state) {
    (void)state;
    struct dm_random random;
    float x[n_weight], rounded[n_weight];
    double sum = 0;
    dm_random_seed(&random, 5);
    for (int row = 0; row < 20; row++) {
        for (size_t i = 0; i < n_weight; i++)
            x[i] = (float)dm_random_normal(&random) * (row % 2 ? 0.02F : 3);
        sum += round_row(&dm_blocks_q4_k, x, row == 3 ? 900 : n_weight, rounded);
    }
    assert_true(sum / 20 > 0.06 && sum / 20 < 0.0725);
    for (size_t i = 0; i < n_weight; i++)
        x[i] = i / DM_GROUP % 3 ? 0 : i < 512 ? -0.75F : 0.5F;
    assert_true(round_row(&dm_blocks_q4_k, x, n_weight, rounded) < 1e-3); /* constants */
    memset(x, 0, sizeof x);
    assert_true(round_row(&dm_blocks_q4_k, x, n_weight, rounded) == 0);
}

/* Within half a step, and what f16 makes of it. */
static void rounds_to_bytes(void **state) {
    (void)state;
    struct dm_random random;
    float x[n_weight], rounded[n_weight];
    dm_random_seed(&random, 6);
    for (size_t i = 0; i < n_weight; i++)
        x[i] = (float)dm_random_normal(&random);
    assert_true(round_row(&dm_blocks_q8_0, x, 1000, rounded) < 0.006);
    for (size_t g = 0; g < 1000 / DM_GROUP; g++) {
        float most = 0;
        for (size_t i = g * DM_GROUP; i < (g + 1) * DM_GROUP; i++)
            most = fmaxf(most, fabsf(x[i]));
        for (size_t i = g * DM_GROUP; i < (g + 1) * DM_GROUP; i++)
            assert_true(fabsf(x[i] - rounded[i]) <= most / 127 * 0.57F);
    }
}

static void says_what_does_not_fit(void **state) {
    (void)state;
    static const struct dm_block_kind *const written[] = {&dm_blocks_q8_0, &dm_blocks_q4_k};
    for (size_t k = 0; k < 2; k++) {
        unsigned char row[2 * 1088];
        float x[n_weight] = {0}, rounded[n_weight];
        x[300] = 1e30F;
        assert_false(dm_blocks_from_floats(written[k], x, n_weight, row));
        for (int bad = 0; bad < 2; bad++) { /* the block is not a number, the others are */
            x[300] = bad ? NAN : -INFINITY;
            x[0] = 1;
            assert_true(dm_blocks_from_floats(written[k], x, n_weight, row));
            dm_blocks_to_floats(written[k], row, 0, n_weight, rounded);
            assert_true(isnan(rounded[300]) && fabsf(rounded[0] - 1) < 0.01F);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_gguf_reads),  cmocka_unit_test(knows_their_sizes),
        cmocka_unit_test(rounds_to_four_bits),    cmocka_unit_test(rounds_to_bytes),
        cmocka_unit_test(says_what_does_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
