#include "ops/cross_entropy/cross_entropy.h"

#include "ops/test_variants.h"

static void test_formula(void **state) {
    (void)state;
    struct dm_random random;
    dm_random_seed(&random, 14);
    for (size_t n = 1; n <= 300; n++) {
        float *logits = random_floats(&random, n, 5, 3);
        double sum = 0;
        for (size_t v = 0; v < n; v++)
            sum += exp((double)logits[v]);
        for (size_t id = 0; id < n; id += 1 + n / 4) {
            double expected = -log(exp((double)logits[id]) / sum);
            double got = dm_cross_entropy(logits, n, (int32_t)id);
            assert_true(fabs(got - expected) <= 1e-12 * (1 + expected));
        }
        free_floats(logits, n);
    }
}

/* Logits whose exponentials do not fit, and those that cannot win. */
static void test_edges(void **state) {
    (void)state;
    const float huge[] = {3e38f, 3e38f, -3e38f}, far[] = {-2000, -2001}, never[] = {-INFINITY, 1};
    const float bad[] = {1, NAN, 2}, bad_first[] = {NAN, 1, 2};
    assert_true(fabs(dm_cross_entropy(huge, 3, 0) - log(2)) < 1e-12);
    assert_true(fabs(dm_cross_entropy(huge, 3, 2) - 6e38) < 1e32);
    assert_true(fabs(dm_cross_entropy(far, 2, 1) - log(1 + exp(1))) < 1e-12);
    assert_true(dm_cross_entropy(never, 2, 0) == INFINITY);
    assert_true(dm_cross_entropy(never, 2, 1) == 0);
    assert_true(isnan(dm_cross_entropy(bad, 3, 0)));
    assert_true(isnan(dm_cross_entropy(bad_first, 3, 1)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formula),
        cmocka_unit_test(test_edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
