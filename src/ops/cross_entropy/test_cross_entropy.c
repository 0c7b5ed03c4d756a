#include "ops/cross_entropy/cross_entropy.h"

#include "ops/test_variants.h"

/* The reference takes its exponentials in double. */
static double bound(const struct dm_ops *ops) {
    return ops->cross_entropy == dm_cross_entropy_reference ? 1e-12 : 2e-7;
}

static void check_formula(const struct dm_ops *ops) {
    struct dm_random random;
    dm_random_seed(&random, 14);
    for (size_t n = 1; n <= 300; n++) {
        float *logits = random_floats(&random, n, 5, 3);
        double sum = 0;
        for (size_t v = 0; v < n; v++)
            sum += exp((double)logits[v]);
        for (size_t id = 0; id < n; id += 1 + n / 4) {
            double expected = -log(exp((double)logits[id]) / sum);
            double got = ops->cross_entropy(logits, n, (int32_t)id);
            assert_true(fabs(got - expected) <= bound(ops) * (1 + expected));
        }
        free_floats(logits, n);
    }
}

/* Logits whose exponentials do not fit, and those that cannot win. */
static void check_edges(const struct dm_ops *ops) {
    const float huge[] = {3e38f, 3e38f, -3e38f}, far[] = {-2000, -2001}, never[] = {-INFINITY, 1};
    const float bad[] = {1, NAN, 2}, bad_first[] = {NAN, 1, 2};
    assert_true(fabs(ops->cross_entropy(huge, 3, 0) - log(2)) < bound(ops));
    assert_true(fabs(ops->cross_entropy(huge, 3, 2) - 6e38) < 1e32);
    assert_true(fabs(ops->cross_entropy(far, 2, 1) - log(1 + exp(1))) < bound(ops));
    assert_true(ops->cross_entropy(never, 2, 0) == INFINITY);
    assert_true(ops->cross_entropy(never, 2, 1) == 0);
    assert_true(isnan(ops->cross_entropy(bad, 3, 0)));
    assert_true(isnan(ops->cross_entropy(bad_first, 3, 1)));
    /* the same with vectors full of what cannot win, but for the last of them */
    float many[40];
    for (size_t i = 0; i < 40; i++)
        many[i] = -INFINITY;
    many[33] = 3e38f;
    assert_true(ops->cross_entropy(many, 40, 33) == 0);
    many[20] = NAN;
    assert_true(isnan(ops->cross_entropy(many, 40, 33)));
}

static void each_variant(void (*check)(const struct dm_ops *ops)) {
    struct dm_ops variants[MOST_VARIANTS];
    size_t n = list_variants(variants);
    for (size_t i = 0; i < n; i++)
        check(&variants[i]);
}

static void test_formula(void **state) {
    (void)state;
    each_variant(check_formula);
}

static void test_edges(void **state) {
    (void)state;
    each_variant(check_edges);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formula),
        cmocka_unit_test(test_edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
