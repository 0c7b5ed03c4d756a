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

/* The gradient against the formula in double: a probability is within 3e-7 of itself, and what the
 * rounding of the exponent adds; the forward pass's result comes with it, to the bit. */
static void check_gradient(const struct dm_ops *ops, struct dm_random *random, size_t n, size_t id,
                           float scale) {
    float *logits = random_floats(random, n, 5, 6), *gradient = copied_floats(logits, n);
    double sum = 0, max = -INFINITY;
    for (size_t v = 0; v < n; v++)
        max = fmax(max, (double)logits[v]);
    for (size_t v = 0; v < n; v++)
        sum += exp((double)logits[v] - max);
    double nll = ops->cross_entropy_backward(gradient, n, (int32_t)id, scale);
    assert_true(nll == ops->cross_entropy(logits, n, (int32_t)id));
    for (size_t v = 0; v < n; v++) {
        double less = (double)logits[v] - max, p = exp(less) / sum;
        double tolerance = (3e-7 + 6e-8 * fabs(less)) * p + (v == id ? 6e-8 : 0);
        check_near(ops->cpu, gradient[v], (double)scale * (p - (v == id)),
                   fabs((double)scale) * tolerance);
    }
    free_floats(logits, n);
    free_floats(gradient, n);
}

static void check_gradients(const struct dm_ops *ops) {
    struct dm_random random;
    dm_random_seed(&random, 15);
    for (size_t n = 1; n <= 67; n++)
        for (size_t id = 0; id < n; id += 1 + n / 4)
            check_gradient(ops, &random, n, id, .125f);
    check_gradient(ops, &random, 50280, 50279, -1 / 4096.f);
}

static void check_gradient_of(const struct dm_ops *ops, const float *in, const float *expected,
                              size_t n, int32_t id) {
    float *logits = copied_floats(in, n);
    double nll = ops->cross_entropy_backward(logits, n, id, 1);
    assert_true(nll == ops->cross_entropy(in, n, id) || isnan(nll));
    for (size_t v = 0; v < n; v++)
        check_near(ops->cpu, logits[v], (double)expected[v], 2e-7);
    free_floats(logits, n);
}

static void check_gradient_edges(const struct dm_ops *ops) {
    const float huge[] = {3e38f, 3e38f, -3e38f}, far[] = {-2000, -2001}, never[] = {-INFINITY, 1};
    const float bad[] = {1, NAN, 2}, all_bad[] = {NAN, NAN, NAN}, one[] = {-7};
    check_gradient_of(ops, huge, (const float[]){-.5f, .5f, 0}, 3, 0);
    check_gradient_of(ops, huge, (const float[]){.5f, .5f, -1}, 3, 2);
    check_gradient_of(ops, far, (const float[]){.73105858f, -.73105858f}, 2, 1);
    check_gradient_of(ops, never, (const float[]){-1, 1}, 2, 0);
    check_gradient_of(ops, never, (const float[]){0, 0}, 2, 1);
    check_gradient_of(ops, bad, all_bad, 3, 0);
    check_gradient_of(ops, one, (const float[]){0}, 1, 0);
    /* the same in whole vectors */
    float many[40], expected[40] = {0};
    for (size_t i = 0; i < 40; i++)
        many[i] = i % 2 ? -INFINITY : -3e38f;
    many[33] = many[2] = 3e38f;
    expected[2] = .5f, expected[33] = -.5f;
    check_gradient_of(ops, many, expected, 40, 33);
    expected[33] = .5f, expected[20] = -1;
    check_gradient_of(ops, many, expected, 40, 20);
}

static void each_variant(void (*check)(const struct dm_ops *ops)) {
    struct dm_ops variants[MAX_VARIANTS];
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

static void test_gradients(void **state) {
    (void)state;
    each_variant(check_gradients);
}

static void test_gradient_edges(void **state) {
    (void)state;
    each_variant(check_gradient_edges);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formula),
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_gradient_edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
