#include "test_support.h"

#include <math.h>

#include "base/memory.h"
#include "methods/method.h"

static struct dm_calibration *make(size_t n_layer) {
    struct dm_calibration *calibration;
    assert_int_equal(dm_calibration_new(n_layer, &calibration, NULL), DM_OK);
    return calibration;
}

static void expect_channels(const struct dm_calibration *calibration, size_t layer, size_t n,
                            const uint32_t *expected) {
    assert_int_equal(calibration->layers[layer].n_channel, n);
    assert_memory_equal(calibration->layers[layer].channels, expected, n * sizeof *expected);
}

static void test_choose(void **state) {
    (void)state;
    static const struct {
        double decay[6], share;
        size_t n;
        uint32_t expected[6];
    } cases[] = {
        {{6, 5, 4, 3, 2, 1}, 0.5, 3, {3, 4, 5}},
        {{6, 5, 4, 3, 2, 1}, 0.49, 2, {4, 5}}, /* rounded down */
        {{6, 5, 4, 3, 2, 1}, 0.01, 1, {5}},    /* but one at least */
        {{6, 5, 4, 3, 2, 1}, 1, 6, {0, 1, 2, 3, 4, 5}},
        {{2, 1, 2, 1, 2, 1}, 0.7, 4, {0, 1, 3, 5}}, /* a tie goes to the lower index */
        {{0, 0, 0, 0, 0, 0}, 0.34, 2, {0, 1}},
        {{-0.0, 0, 7, 7, 7, 7}, 0.17, 1, {0}},
        {{NAN, 3, NAN, 9, INFINITY, 1}, 0.67, 4, {0, 1, 3, 5}}, /* NaN is as infinite */
        {{NAN, NAN, NAN, NAN, NAN, NAN}, 0.5, 3, {0, 1, 2}},
    };
    struct dm_calibration *calibration = make(2);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(
            dm_calibration_choose(calibration, 1, cases[i].decay, 6, cases[i].share, NULL), DM_OK);
        expect_channels(calibration, 1, cases[i].n, cases[i].expected);
    }
    assert_int_equal(calibration->layers[0].n_channel, 0);
    dm_calibration_free(calibration);
    dm_calibration_free(NULL);
}

static void test_default_share(void **state) {
    (void)state;
    static const double decay[256] = {0};
    struct dm_calibration *calibration = make(1);
    assert_int_equal(dm_calibration_choose(calibration, 0, decay, 256, 0.10, NULL), DM_OK);
    assert_int_equal(calibration->layers[0].n_channel, 25);
    dm_calibration_free(calibration);
}

static void test_round_trip(void **state) {
    (void)state;
    char directory[TEST_MAX_PATH];
    const size_t layers[] = {2, 0};
    const double decay[] = {3, 1, 2, 0};
    dm_method_options method = DM_METHOD_OPTIONS_INIT;
    struct dm_calibration *calibration = make(3), *read;
    dm_error error;
    size_t live = dm_memory_live();
    test_make_directory(directory);
    const char *path = test_join(directory, "decimamba.json");
    method.kind = DM_METHOD_DECIMATE;
    method.score = DM_SCORE_GLOBAL;
    method.layers = layers;
    method.n_layer = 2;
    method.base_length = 123456789012;
    method.beta = 0.1; /* not a binary fraction */
    method.min_length = 0;
    method.keep_tail = 9;
    calibration->length = 512;
    calibration->n_passage = 4;
    calibration->share = 1.0 / 3; /* 15 digits are not enough */
    assert_int_equal(dm_calibration_set_method(calibration, &method, &error), DM_OK);
    assert_int_equal(dm_calibration_choose(calibration, 0, decay, 4, 0.5, &error), DM_OK);
    assert_int_equal(dm_calibration_choose(calibration, 2, decay, 4, 0.8, &error), DM_OK);
    assert_int_equal(dm_calibration_write(calibration, path, &error), DM_OK);
    if (dm_calibration_read(path, 3, 4, &read, &error))
        fail_msg("%s", error.message);
    assert_true(read->method.kind == method.kind && read->method.score == method.score);
    assert_int_equal(read->method.n_layer, 2);
    assert_memory_equal(read->method.layers, layers, sizeof layers);
    assert_int_equal(read->method.base_length, method.base_length);
    assert_true(read->method.beta == 0.1 && read->share == 1.0 / 3);
    assert_int_equal(read->method.min_length, 0);
    assert_int_equal(read->method.keep_tail, 9);
    assert_int_equal(read->length, 512);
    assert_int_equal(read->n_passage, 4);
    expect_channels(read, 0, 2, (const uint32_t[]){1, 3});
    expect_channels(read, 1, 0, NULL);
    expect_channels(read, 2, 3, (const uint32_t[]){1, 2, 3});
    dm_calibration_free(read);
    /* the file belongs to a wider, deeper model */
    assert_int_equal(dm_calibration_read(path, 3, 3, &read, &error), DM_ERROR_FORMAT);
    assert_int_equal(dm_calibration_read(path, 2, 4, &read, &error), DM_ERROR_FORMAT);
    calibration->method.keep_tail = SIZE_MAX;
    assert_int_equal(dm_calibration_write(calibration, path, &error), DM_ERROR_ARGUMENT);
    test_expect_error(&error, DM_ERROR_ARGUMENT, "keep_tail");
    assert_true(dm_memory_live() <= live + 3); /* the calibration's own arrays */
    dm_calibration_free(calibration);
    assert_int_equal(dm_memory_live(), 0);
    test_remove_directory(directory);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_choose),
                                       cmocka_unit_test(test_default_share),
                                       cmocka_unit_test(test_round_trip)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
