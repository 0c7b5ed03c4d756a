#include "ops/gradient_check.h"

enum { N_TOKEN = 3 };

struct problem {
    struct dm_gated_norm op;
    const dm_real *dy;
};

/* sum dy y. */
static double loss(void *context) {
    const struct problem *p = context;
    double sum = 0;
    dm_gated_norm_reference(&p->op, 0, N_TOKEN);
    for (size_t t = 0; t < N_TOKEN; t++)
        for (size_t i = t * p->op.y_step; i < t * p->op.y_step + p->op.width; i++)
            sum += p->dy[i] * p->op.y[i];
    return sum;
}

/* Rows of x and z are two parts of one row, as an MLP's values and gate are. */
static void check(struct dm_random *random, size_t width, size_t n_group, bool norm_first,
                  bool has_weight) {
    size_t n = N_TOKEN * 2 * width;
    dm_real *zx = random_reals(random, n, 0, 1), *dzx = zero_reals(n);
    dm_real *y = zero_reals(n), *dy = random_reals(random, n, 0, 1);
    dm_real *weight = random_reals(random, width, 1, 1), *dweight = zero_reals(width);
    dm_real *rstd = zero_reals(N_TOKEN * n_group);
    struct problem p = {{.width = width,
                         .n_group = n_group,
                         .epsilon = .25,
                         .norm_first = norm_first,
                         .x = zx + width,
                         .z = zx,
                         .x_step = 2 * width,
                         .z_step = 2 * width,
                         .y_step = width + 1,
                         .weight = has_weight ? weight : NULL,
                         .y = y},
                        dy};
    const struct dm_gated_norm_grad grad = {dy, dzx + width, dzx, rstd, dweight};
    dm_gated_norm_backward_reference(&p.op, &grad, 0, 1);
    dm_gated_norm_backward_reference(&p.op, &grad, 1, N_TOKEN - 1);
    check_gradient("z and x", zx, dzx, n, loss, &p);
    if (has_weight) {
        dm_gated_norm_weight_backward_reference(&p.op, &grad, N_TOKEN, 0, width / 2);
        dm_gated_norm_weight_backward_reference(&p.op, &grad, N_TOKEN, width / 2,
                                                width - width / 2);
        check_gradient("weight", weight, dweight, width, loss, &p);
    }
    dm_real *all[] = {zx, dzx, y, dy, weight, dweight, rstd};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        dm_memory_free(all[i]);
}

static void test_gradients(void **state) {
    (void)state;
    struct dm_random random;
    dm_random_seed(&random, 1);
    for (size_t width = 1; width <= 12; width++)
        for (size_t n_group = 1; n_group <= 3; n_group++)
            if (width % n_group == 0)
                for (unsigned flags = 0; flags < 4; flags++)
                    check(&random, width, n_group, flags & 1, flags & 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_gradients)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
