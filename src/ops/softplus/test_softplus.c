#include "ops/test_variants.h"

static struct dm_ops variants[MAX_VARIANTS];
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

/* Every variant against the formula in double: steps from 1e-30 to 40, with a gradient that starts
 * from something; whole, and channel ranges at random, which give the same bits. */
static void check_backward(struct dm_random *random, size_t width) {
    enum { N_TOKEN = 19 };
    size_t n = N_TOKEN * width;
    float *step = new_floats(n), *ddelta = random_floats(random, n, 0, 1);
    float *start = random_floats(random, width, 0, 1);
    for (size_t i = 0; i < n; i++)
        step[i] = (float)(40 * exp(-70 * dm_random_uniform(random)));
    struct dm_softplus op = {width, NULL, step};
    for (size_t v = 0; v < n_variant; v++) {
        float *dv[2], *dbias[2];
        for (size_t split = 0; split < 2; split++) {
            dv[split] = copied_floats(ddelta, n);
            dbias[split] = copied_floats(start, width);
            struct dm_softplus_grad grad = {dv[split], dbias[split]};
            for (size_t i = 0, part; i < width; i += part) {
                part = split ? 1 + (size_t)dm_random_below(random, width - i) : width;
                variants[v].softplus_backward(&op, &grad, N_TOKEN, i, part);
            }
        }
        for (size_t i = 0; i < n; i++) {
            double expected = -expm1(-(double)step[i]) * ddelta[i];
            check_near(variants[v].cpu, dv[0][i], expected, 1.8e-7 * fabs(expected));
        }
        for (size_t i = 0; i < width; i++) {
            double sum = (double)start[i], size = fabs(sum);
            for (size_t at = i; at < n; at += width) {
                sum += (double)dv[0][at];
                size += fabs((double)dv[0][at]);
            }
            check_near(variants[v].cpu, dbias[0][i], sum, 1e-6 * size);
        }
        assert_memory_equal(dv[0], dv[1], n * sizeof *step);
        assert_memory_equal(dbias[0], dbias[1], width * sizeof *step);
        for (size_t split = 0; split < 2; split++) {
            free_floats(dv[split], n);
            free_floats(dbias[split], width);
        }
    }
    free_floats(step, n);
    free_floats(ddelta, n);
    free_floats(start, width);
}

static void test_backward(void **state) {
    (void)state;
    struct dm_random random;
    dm_random_seed(&random, 5);
    for (size_t width = 1; width <= 67; width++)
        check_backward(&random, width);
}

static float gradient_of(const struct dm_ops *ops, float step, float ddelta) {
    float dbias = 0;
    struct dm_softplus op = {1, NULL, &step};
    struct dm_softplus_grad grad = {&ddelta, &dbias};
    ops->softplus_backward(&op, &grad, 1, 0, 1);
    assert_true(dbias == ddelta || isnan(ddelta));
    return ddelta;
}

static void test_backward_edges(void **state) {
    (void)state;
    for (size_t v = 0; v < n_variant; v++) {
        const struct dm_ops *ops = &variants[v];
        assert_true(gradient_of(ops, 0, 7) == 0);
        assert_true(gradient_of(ops, 1e-30f, 8) == 8e-30f);
        assert_true(gradient_of(ops, 0x1p-149f, -1) == -0x1p-149f);
        assert_true(gradient_of(ops, 0x1p-149f, 3e38f) == 3e38f * 0x1p-149f);
        assert_true(gradient_of(ops, 20, -3e38f) == -3e38f);
        assert_true(gradient_of(ops, 3e38f, 2) == 2);
        assert_true(gradient_of(ops, INFINITY, 2) == 2);
        assert_true(isnan(gradient_of(ops, NAN, 1)));
        assert_true(isnan(gradient_of(ops, 1, NAN)));
        float dbias = 3;
        struct dm_softplus nothing = {4, NULL, NULL};
        struct dm_softplus_grad grad = {NULL, &dbias};
        ops->softplus_backward(&nothing, &grad, 0, 0, 1);
        assert_true(dbias == 3);
    }
}

int main(void) {
    n_variant = list_variants(variants);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formula),        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_split),          cmocka_unit_test(test_backward),
        cmocka_unit_test(test_backward_edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
