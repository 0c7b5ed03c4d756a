#include "ops/test_variants.h"

enum { N_TOKEN = 5 };

static struct dm_ops variants[MOST_VARIANTS];
static size_t n_variant;

/* Every variant against the formula in double, on rows 1 .. N_TOKEN - 1 of N_TOKEN. */
static void check_width(struct dm_random *random, size_t width, size_t stride, bool has_weight) {
    size_t n = N_TOKEN * stride;
    float *x = random_floats(random, n, 0, 3), *weight = random_floats(random, width, 1, 1);
    for (size_t v = 0; v < n_variant; v++) {
        float *y = new_floats(n);
        struct dm_rms_norm op = {width, stride, 1e-5f, x, has_weight ? weight : NULL, y};
        variants[v].rms_norm(&op, 1, N_TOKEN - 2);
        for (size_t t = 0; t < N_TOKEN; t++) {
            double sum = 0;
            for (size_t i = 0; i < width; i++)
                sum += pow(x[t * stride + i], 2);
            double rstd = 1 / sqrt(sum / (double)width + (double)op.epsilon);
            for (size_t i = 0; i < stride; i++) {
                float *got = &y[t * stride + i];
                if (t == 0 || t == N_TOKEN - 1 || i >= width) {
                    assert_true(is_untouched(got));
                    continue;
                }
                double expected = x[t * stride + i] * rstd * (has_weight ? weight[i] : 1);
                check_near(variants[v].cpu, *got, expected, 3e-7 * fabs(expected));
            }
        }
        free_floats(y, n);
    }
    free_floats(x, n);
    free_floats(weight, width);
}

static void test_formula(void **state) {
    (void)state;
    struct dm_random random;
    dm_random_seed(&random, 1);
    for (size_t width = 1; width <= 67; width++)
        check_width(&random, width, width + width % 4, width % 5 != 0);
    check_width(&random, 2560, 2560, true);
}

/* One row `value` everywhere, between two ordinary ones, in place. */
static void check_row(float value, float expected) {
    enum { WIDTH = 37 };
    for (size_t v = 0; v < n_variant; v++) {
        float *x = new_floats(3 * WIDTH);
        for (size_t i = 0; i < 3 * WIDTH; i++)
            x[i] = i / WIDTH == 1 ? value : 2;
        struct dm_rms_norm op = {WIDTH, WIDTH, 1e-12f, x, NULL, x};
        variants[v].rms_norm(&op, 0, 3);
        for (size_t i = 0; i < 3 * WIDTH; i++)
            check_near(variants[v].cpu, x[i], i / WIDTH == 1 ? expected : 1,
                       i / WIDTH == 1 ? 2e-7 * fabsf(expected) : 2e-7);
        free_floats(x, 3 * WIDTH);
    }
}

static void test_edges(void **state) {
    (void)state;
    check_row(0, 0);
    check_row(1e30f, 1);
    check_row(-3e38f, -1);
    check_row(0x1p-140f, 0x1p-140f * 1e6f);
    check_row(NAN, NAN);
    for (size_t v = 0; v < n_variant; v++) {
        struct dm_rms_norm op = {8, 8, 1e-5f, NULL, NULL, NULL};
        variants[v].rms_norm(&op, 0, 0);
    }
}

/* A row's bits do not depend on the rows that it is computed with. */
static void test_split(void **state) {
    (void)state;
    enum { WIDTH = 67, TOKENS = 9 };
    struct dm_random random;
    dm_random_seed(&random, 2);
    float *x = random_floats(&random, TOKENS * WIDTH, 0, 1);
    for (size_t v = 0; v < n_variant; v++) {
        float *whole = new_floats(TOKENS * WIDTH), *parts = new_floats(TOKENS * WIDTH);
        struct dm_rms_norm op = {WIDTH, WIDTH, 1e-5f, x, NULL, whole};
        variants[v].rms_norm(&op, 0, TOKENS);
        op.y = parts;
        for (size_t t = 0, n; t < TOKENS; t += n) {
            n = 1 + (size_t)dm_random_below(&random, TOKENS - t);
            variants[v].rms_norm(&op, t, n);
        }
        assert_memory_equal(whole, parts, TOKENS * WIDTH * sizeof *whole);
        free_floats(whole, TOKENS * WIDTH);
        free_floats(parts, TOKENS * WIDTH);
    }
    free_floats(x, TOKENS * WIDTH);
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
