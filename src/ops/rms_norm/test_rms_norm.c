#include "ops/test_variants.h"

enum { N_TOKEN = 5, N_BACK = 19 }; /* forward and backward */

static struct dm_ops variants[MAX_VARIANTS];
static size_t n_variant;

/* Every variant against the formula in double, on rows 1 .. N_TOKEN - 1 of N_TOKEN. */
static void check_width(struct dm_random *random, size_t width, size_t stride, bool has_weight) {
    size_t n = N_TOKEN * stride;
    float *x = random_floats(random, n, 0, 3), *weight = random_floats(random, width, 1, 1);
    for (size_t v = 0; v < n_variant; v++) {
        float *y = new_floats(n);
        struct dm_rms_norm op = {.width = width,
                                 .stride = stride,
                                 .epsilon = 1e-5f,
                                 .x = x,
                                 .weight = has_weight ? weight : NULL,
                                 .y = y};
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
        struct dm_rms_norm op = {
            .width = WIDTH, .stride = WIDTH, .epsilon = 1e-12f, .x = x, .y = x};
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
        struct dm_rms_norm op = {.width = 8, .stride = 8, .epsilon = 1e-5f};
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
        struct dm_rms_norm op = {
            .width = WIDTH, .stride = WIDTH, .epsilon = 1e-5f, .x = x, .y = whole};
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

/* The rows' gradients against the formula in double; `dx` was `before`. */
static void check_rows(const char *cpu, const struct dm_rms_norm *op,
                       const struct dm_rms_norm_grad *grad, const float *before) {
    for (size_t t = 0; t < N_BACK; t++) {
        const float *x = op->x + t * op->stride, *dy = grad->dy + t * op->stride;
        double square = 0, product = 0, size = 0;
        for (size_t i = 0; i < op->width; i++) {
            double term = (double)dy[i] * (op->weight ? op->weight[i] : 1) * x[i];
            square += pow((double)x[i], 2);
            product += term;
            size += fabs(term);
        }
        double rstd = 1 / sqrt(square / (double)op->width + (double)op->epsilon);
        double mean = product * rstd / (double)op->width;
        check_near(cpu, grad->rstd[t], rstd, 1.2e-7 * rstd);
        for (size_t i = 0; i < op->stride; i++) {
            double g = i < op->width ? (double)dy[i] * (op->weight ? op->weight[i] : 1) : 0;
            double rest = i < op->width ? -x[i] * rstd * mean : 0;
            double start = (double)before[t * op->stride + i];
            /* dy times weight is rounded before it is summed: what cancels leaves its error */
            double bound = i < op->width ? fabs(x[i] * rstd) * size * rstd / (double)op->width : 0;
            check_near(cpu, grad->dx[t * op->stride + i], start + rstd * (g + rest),
                       2.5e-7 * (fabs(start) + rstd * (fabs(g) + 2 * bound)));
        }
    }
}

static void check_weight(const char *cpu, const struct dm_rms_norm *op,
                         const struct dm_rms_norm_grad *grad, const float *before) {
    for (size_t i = 0; i < op->width; i++) {
        double sum = (double)before[i], size = fabs(sum);
        for (size_t t = 0; t < N_BACK; t++) {
            double term =
                (double)grad->dy[t * op->stride + i] * op->x[t * op->stride + i] * grad->rstd[t];
            sum += term;
            size += fabs(term);
        }
        check_near(cpu, grad->dweight[i], sum, 3e-7 * size);
    }
}

/* Every variant, whole and in random parts, which give the same bits. */
static void check_backward(struct dm_random *random, size_t width, size_t stride, bool has_weight) {
    size_t n = N_BACK * stride;
    float *x = random_floats(random, n, 0, 3), *weight = random_floats(random, width, 1, 1);
    float *dy = random_floats(random, n, 0, 1), *start = random_floats(random, n, 0, 1);
    float *dweight_start = random_floats(random, width, 0, 1);
    struct dm_rms_norm op = {.width = width,
                             .stride = stride,
                             .epsilon = 1e-5f,
                             .x = x,
                             .weight = has_weight ? weight : NULL};
    for (size_t v = 0; v < n_variant; v++) {
        float *dx[2], *rstd[2], *dweight[2];
        struct dm_rms_norm_grad grad;
        for (size_t split = 0; split < 2; split++) {
            dx[split] = copied_floats(start, n);
            rstd[split] = new_floats(N_BACK);
            dweight[split] = copied_floats(dweight_start, width);
            grad = (struct dm_rms_norm_grad){dy, dx[split], rstd[split], dweight[split]};
            for (size_t t = 0, part; t < N_BACK; t += part) {
                part = split ? 1 + (size_t)dm_random_below(random, N_BACK - t) : N_BACK;
                variants[v].rms_norm_backward(&op, &grad, t, part);
            }
            for (size_t i = 0, part; i < width; i += part) {
                part = split ? 1 + (size_t)dm_random_below(random, width - i) : width;
                variants[v].rms_norm_weight_backward(&op, &grad, N_BACK, i, part);
            }
        }
        check_rows(variants[v].cpu, &op, &grad, start);
        check_weight(variants[v].cpu, &op, &grad, dweight_start);
        assert_memory_equal(dx[0], dx[1], n * sizeof *x);
        assert_memory_equal(rstd[0], rstd[1], N_BACK * sizeof *x);
        assert_memory_equal(dweight[0], dweight[1], width * sizeof *x);
        for (size_t split = 0; split < 2; split++) {
            free_floats(dx[split], n);
            free_floats(rstd[split], N_BACK);
            free_floats(dweight[split], width);
        }
    }
    free_floats(x, n);
    free_floats(weight, width);
    free_floats(dy, n);
    free_floats(start, n);
    free_floats(dweight_start, width);
}

static void test_backward(void **state) {
    (void)state;
    struct dm_random random;
    dm_random_seed(&random, 3);
    for (size_t width = 1; width <= 67; width++)
        check_backward(&random, width, width + width % 4, width % 5 != 0);
    check_backward(&random, 2560, 2560, true);
}

/* A row of +-size and dy of one sign or the two, in the middle of ordinary ones: with dy of x's
 * sign dx is what epsilon leaves of it, otherwise rstd dy. */
static void check_backward_row(float size, bool is_along, double expected) {
    enum { WIDTH = 38, N = 3 * WIDTH };
    for (size_t v = 0; v < n_variant; v++) {
        float *x = new_floats(N), *dy = new_floats(N), *dx = new_floats(N), *rstd = new_floats(3);
        float *dweight = new_floats(WIDTH);
        for (size_t i = 0; i < N; i++) {
            x[i] = i / WIDTH == 1 ? size : 2;
            dy[i] = i % 2 && !is_along ? -1 : 1;
            dx[i] = 0;
            dweight[i % WIDTH] = 0;
        }
        struct dm_rms_norm op = {.width = WIDTH, .stride = WIDTH, .epsilon = 1e-12f, .x = x};
        struct dm_rms_norm_grad grad = {dy, dx, rstd, dweight};
        variants[v].rms_norm_backward(&op, &grad, 0, 3);
        variants[v].rms_norm_weight_backward(&op, &grad, 3, 0, WIDTH);
        for (size_t i = 0; i < N; i++) {
            bool is_row = i / WIDTH == 1;
            check_near(variants[v].cpu, dx[i],
                       is_row     ? dy[i] * expected
                       : is_along ? 0
                                  : dy[i] * .5,
                       3e-7 * (is_row ? rstd[1] : .5f));
        }
        for (size_t i = 0; i < WIDTH; i++)
            check_near(variants[v].cpu, dweight[i], dy[i] * (2 + (double)size * rstd[1]), 1e-6);
        free_floats(x, N);
        free_floats(dy, N);
        free_floats(dx, N);
        free_floats(rstd, 3);
        free_floats(dweight, WIDTH);
    }
}

static void test_backward_edges(void **state) {
    (void)state;
    check_backward_row(1e30f, false, 1e-30);
    check_backward_row(1e30f, true, 0);
    check_backward_row(-3e37f, true, 0);
    check_backward_row(0, false, 1e6);
    check_backward_row(0, true, 1e6);
    check_backward_row(0x1p-140f, true, 1e6);
    check_backward_row(NAN, true, NAN);
    for (size_t v = 0; v < n_variant; v++) {
        float dweight = 3;
        struct dm_rms_norm op = {.width = 8, .stride = 8, .epsilon = 1e-5f};
        struct dm_rms_norm_grad grad = {NULL, NULL, NULL, &dweight};
        variants[v].rms_norm_backward(&op, &grad, 0, 0);
        variants[v].rms_norm_weight_backward(&op, &grad, 0, 0, 1);
        assert_true(dweight == 3);
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
