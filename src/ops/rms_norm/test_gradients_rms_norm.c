#include "ops/gradient_check.h"

enum { N_TOKEN = 4 };

struct problem {
    struct dm_rms_norm op;
    const dm_real *dy;
};

/* sum dy y, over the rows' first `width`. */
static double loss(void *context) {
    const struct problem *p = context;
    double sum = 0;
    dm_rms_norm_reference(&p->op, 0, N_TOKEN);
    for (size_t t = 0; t < N_TOKEN; t++)
        for (size_t i = t * p->op.stride; i < t * p->op.stride + p->op.width; i++)
            sum += p->dy[i] * p->op.y[i];
    return sum;
}

/* Gradients that start from something, in two parts each; what lies between the rows, whose
 * derivative is 0, comes through the same check. */
static void check(struct dm_random *random, size_t width, size_t stride, bool has_weight) {
    size_t n = N_TOKEN * stride;
    dm_real *x = random_reals(random, n, 0, 1), *y = zero_reals(n);
    dm_real *weight = random_reals(random, width, 1, 1), *dy = random_reals(random, n, 0, 1);
    dm_real *dx = random_reals(random, n, 0, 1), *dx_before = zero_reals(n);
    dm_real *dweight = random_reals(random, width, 0, 1), *dweight_before = zero_reals(width);
    dm_real *rstd = zero_reals(N_TOKEN);
    struct problem p = {{width, stride, .25, x, has_weight ? weight : NULL, y}, dy};
    struct dm_rms_norm_grad grad = {dy, dx, rstd, dweight};
    memcpy(dx_before, dx, n * sizeof *dx);
    memcpy(dweight_before, dweight, width * sizeof *dweight);
    dm_rms_norm_backward_reference(&p.op, &grad, 0, 1);
    dm_rms_norm_backward_reference(&p.op, &grad, 1, N_TOKEN - 1);
    for (size_t i = 0; i < n; i++)
        dx[i] -= dx_before[i];
    check_gradient("x", x, dx, n, loss, &p);
    if (has_weight) {
        dm_rms_norm_weight_backward_reference(&p.op, &grad, N_TOKEN, 0, width / 2);
        dm_rms_norm_weight_backward_reference(&p.op, &grad, N_TOKEN, width / 2, width - width / 2);
        for (size_t i = 0; i < width; i++)
            dweight[i] -= dweight_before[i];
        check_gradient("weight", weight, dweight, width, loss, &p);
    }
    dm_real *all[] = {x, y, weight, dy, dx, dx_before, dweight, dweight_before, rstd};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        dm_memory_free(all[i]);
}

static void test_gradients(void **state) {
    (void)state;
    struct dm_random random;
    dm_random_seed(&random, 1);
    for (size_t width = 1; width <= 9; width++) {
        check(&random, width, width, true);
        check(&random, width, width + 3, false);
        check(&random, width, width + 1, true);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_gradients)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
