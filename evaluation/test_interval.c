/* Intervals, against those that SciPy computes (scripts/make_interval_cases.py). */
#include "interval.h"

#include <math.h>

#include <jansson.h>

#include "test_support.h"

static json_t *cases;

static double number(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    assert_true(json_is_number(value));
    return json_number_value(value);
}

static void assert_close(double actual, double expected) {
    if (!(fabs(actual - expected) <= 1e-10 * (1 + fabs(expected))))
        fail_msg("%.17g, not %.17g", actual, expected);
}

static void assert_interval(struct interval interval, const json_t *expected) {
    assert_close(interval.low, number(expected, "low"));
    assert_close(interval.high, number(expected, "high"));
}

static struct sample take(const json_t *values) {
    struct sample sample = {0};
    for (size_t i = 0; i < json_array_size(values); i++)
        sample_add(&sample, json_number_value(json_array_get(values, i)));
    assert_true(sample.n > 0);
    return sample;
}

static void gives_wilsons_interval(void **state) {
    (void)state;
    const json_t *list = json_object_get(cases, "shares"), *item;
    size_t i;
    json_array_foreach(list, i, item) {
        assert_interval(interval_of_share((size_t)number(item, "right"), (size_t)number(item, "n")),
                        item);
    }
    assert_int_equal(i, 8);
    assert_true(interval_of_share(0, 7).low == 0);
    assert_true(interval_of_share(7, 7).high == 1);
    assert_true(isnan(interval_of_share(0, 0).low) && isnan(interval_of_share(0, 0).high));
}

static void bounds_students_t(void **state) {
    (void)state;
    const json_t *list = json_object_get(cases, "bounds"), *item;
    size_t i;
    json_array_foreach(list, i, item) {
        assert_close(t_bound(number(item, "degrees")), number(item, "t"));
    }
    assert_int_equal(i, 15);
}

static void gives_the_interval_of_a_mean(void **state) {
    (void)state;
    const json_t *list = json_object_get(cases, "means"), *item;
    size_t i;
    json_array_foreach(list, i, item) {
        struct sample sample = take(json_object_get(item, "values"));
        assert_close(sample.mean, number(item, "mean"));
        assert_close(sample.sum, sample.mean * (double)sample.n);
        assert_interval(interval_of_mean(&sample), item);
    }
    assert_int_equal(i, 5);
    struct sample one = {0}, equal = {0}, broken = {0};
    assert_true(isnan(interval_of_mean(&one).low));
    sample_add(&one, 3);
    assert_true(isnan(interval_of_mean(&one).low) && isnan(interval_of_mean(&one).high));
    sample_add(&equal, 0.1);
    sample_add(&equal, 0.1);
    assert_true(interval_of_mean(&equal).low == 0.1 && interval_of_mean(&equal).high == 0.1);
    sample_add(&broken, NAN);
    sample_add(&broken, 1);
    assert_true(isnan(broken.mean) && isnan(interval_of_mean(&broken).high));
}

static void gives_the_interval_of_a_mean_of_means(void **state) {
    (void)state;
    const json_t *list = json_object_get(cases, "two_means"), *item;
    size_t i;
    json_array_foreach(list, i, item) {
        const json_t *pair = json_object_get(item, "groups");
        /* a group without values changes nothing */
        struct sample groups[3] = {
            take(json_array_get(pair, 0)), {0}, take(json_array_get(pair, 1))};
        assert_close(mean_of_means(groups, 3), number(item, "mean"));
        assert_interval(interval_of_means(groups, 3), item);
        /* of one group: its own */
        assert_close(interval_of_means(groups, 2).low, interval_of_mean(groups).low);
        assert_close(mean_of_means(groups, 2), groups->mean);
        /* of a group with one value: nothing but the mean */
        sample_add(&groups[1], 1);
        assert_true(isnan(interval_of_means(groups, 3).low));
        assert_close(mean_of_means(groups, 2), (groups->mean + 1) / 2);
    }
    assert_int_equal(i, 3);
    struct sample nothing[2] = {0};
    assert_true(isnan(mean_of_means(nothing, 2)) && isnan(interval_of_means(nothing, 2).low));
}

static int load_cases(void **state) {
    (void)state;
    cases = json_load_file(test_data("interval/cases.json"), 0, NULL);
    return cases ? 0 : -1;
}

static int free_cases(void **state) {
    (void)state;
    json_decref(cases);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_wilsons_interval),
        cmocka_unit_test(bounds_students_t),
        cmocka_unit_test(gives_the_interval_of_a_mean),
        cmocka_unit_test(gives_the_interval_of_a_mean_of_means),
    };
    return cmocka_run_group_tests(tests, load_cases, free_cases);
}
