#include "test_support.h"

#include <math.h>

#include "base/random.h"

/* Against a separate computation of xoshiro256++ and splitmix64 by their definitions in Python. */
static void draws_the_known_values(void **state) {
    static const uint64_t expected[2][4] = {
        {0x53175d61490b23df, 0x61da6f3dc380d507, 0x5c0fdf91ec9a7bfc, 0x02eebf8c3bbe5e1a},
        {0xd0764d4f4476689f, 0x519e4174576f3791, 0xfbe07cfb0c24ed8c, 0xb37d9f600cd835b8}};
    static const uint64_t seeds[2] = {0, 42};
    for (int i = 0; i < 2; i++) {
        struct dm_random random;
        dm_random_seed(&random, seeds[i]);
        for (int j = 0; j < 4; j++)
            assert_true(dm_random_bits(&random) == expected[i][j]);
    }
    (void)state;
}

static void uniform_stays_in_its_range(void **state) {
    enum { n = 100000 };
    struct dm_random random;
    double sum = 0, low = 1, high = 0;
    dm_random_seed(&random, 3);
    for (int i = 0; i < n; i++) {
        double u = dm_random_uniform(&random);
        assert_true(u >= 0 && u < 1);
        sum += u;
        low = fmin(low, u);
        high = fmax(high, u);
    }
    assert_true(fabs(sum / n - 0.5) < 0.005);
    assert_true(low < 0.001 && high > 0.999);
    (void)state;
}

static void normal_has_its_moments(void **state) {
    enum { n = 100000 };
    struct dm_random random;
    double moments[4] = {0};
    dm_random_seed(&random, 4);
    for (int i = 0; i < n; i++) {
        double x = dm_random_normal(&random), power = 1;
        assert_true(isfinite(x));
        for (int k = 0; k < 4; k++)
            moments[k] += (power *= x) / n;
    }
    assert_true(fabs(moments[0]) < 0.02 && fabs(moments[1] - 1) < 0.02);
    assert_true(fabs(moments[2]) < 0.05 && fabs(moments[3] - 3) < 0.1);
    (void)state;
}

static void below_reaches_every_value(void **state) {
    struct dm_random random;
    unsigned counts[6] = {0};
    dm_random_seed(&random, 5);
    for (int i = 0; i < 60000; i++) {
        uint64_t value = dm_random_below(&random, 6);
        assert_true(value < 6);
        counts[value]++;
    }
    for (int i = 0; i < 6; i++)
        assert_in_range(counts[i], 9500, 10500);
    for (int i = 0; i < 100; i++)
        assert_true(dm_random_below(&random, 1) == 0);
    for (int i = 0; i < 100; i++)
        assert_true(dm_random_below(&random, UINT64_MAX) < UINT64_MAX);
    (void)state;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_the_known_values),
        cmocka_unit_test(uniform_stays_in_its_range),
        cmocka_unit_test(normal_has_its_moments),
        cmocka_unit_test(below_reaches_every_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
