#include "ops/test_variants.h"

static struct dm_ops variants[MOST_VARIANTS];
static size_t n_variant;

static double softplus(double v) {
    return v > 0 ? v + log1p(exp(-v)) : log1p(exp(v));
}

/* Widths and row ranges; delta + bias as the float that the operation sees. */
static void test_formula(void **state) {
    (void)state;
    enum { N_TOKEN = 4 };
    struct dm_random random;
    dm_random_seed(&random, 3);
    for (size_t width = 1; width <= 67; width++) {
        size_t n = N_TOKEN * width;
        float *x = random_floats(&random, n, -3, 8), *bias = random_floats(&random, width, 0, 3);
        for (size_t v = 0; v < n_variant; v++) {
            float *delta = copied_floats(x, n);
            struct dm_softplus op = {width, bias, delta};
            variants[v].softplus(&op, 1, N_TOKEN - 2);
            for (size_t i = 0; i < n; i++) {
                if (i < width || i >= n - width) {
                    assert_true(delta[i] == x[i]);
                    continue;
                }
                double expected = softplus((double)(x[i] + bias[i % width]));
                check_near(variants[v].cpu, delta[i], expected, 4.8e-7 * expected);
            }
            free_floats(delta, n);
        }
        free_floats(x, n);
        free_floats(bias, width);
    }
}

static float softplus_of(const struct dm_ops *ops, float value) {
    float zero = 0;
    struct dm_softplus op = {1, &zero, &value};
    ops->softplus(&op, 0, 1);
    return value;
}

static void test_edges(void **state) {
    (void)state;
    for (size_t v = 0; v < n_variant; v++) {
        const struct dm_ops *ops = &variants[v];
        assert_true(softplus_of(ops, -INFINITY) == 0);
        assert_true(softplus_of(ops, -1e30f) == 0);
        assert_true(softplus_of(ops, INFINITY) == INFINITY);
        assert_true(softplus_of(ops, 1e30f) == 1e30f);
        assert_true(softplus_of(ops, 20.5f) == 20.5f);
        assert_true(isnan(softplus_of(ops, NAN)));
        /* Small steps keep their digits: log1p(e^v) is e^v there, not 0. */
        check_near(ops->cpu, softplus_of(ops, -15), exp(-15), 3e-7 * exp(-15));
        check_near(ops->cpu, softplus_of(ops, -60), exp(-60), 3e-7 * exp(-60));
        struct dm_softplus nothing = {4, NULL, NULL};
        ops->softplus(&nothing, 0, 0);
    }
}

/* An element's bits do not depend on its neighbours, its column or the rows of the call. */
static void test_split(void **state) {
    (void)state;
    enum { WIDTH = 41, N_TOKEN = 7 };
    struct dm_random random;
    dm_random_seed(&random, 4);
    float *x = random_floats(&random, N_TOKEN * WIDTH, -2, 4), *bias = new_floats(WIDTH);
    memset(bias, 0, WIDTH * sizeof *bias);
    for (size_t v = 0; v < n_variant; v++) {
        float *whole = copied_floats(x, N_TOKEN * WIDTH);
        struct dm_softplus op = {WIDTH, bias, whole};
        variants[v].softplus(&op, 0, 3);
        variants[v].softplus(&op, 3, N_TOKEN - 3);
        for (size_t i = 0; i < N_TOKEN * WIDTH; i++)
            assert_true(whole[i] == softplus_of(&variants[v], x[i]));
        free_floats(whole, N_TOKEN * WIDTH);
    }
    free_floats(x, N_TOKEN * WIDTH);
    free_floats(bias, WIDTH);
}

int main(void) {
    n_variant = list_variants(variants);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formula),
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_split),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
