#include "ops/gradient_check.h"

enum { N_TOKEN = 5, WIDTH = 7, N = N_TOKEN * WIDTH };

struct problem {
    struct dm_softplus op;
    const dm_real *in, *ddelta; /* the operation works in place, on a copy of `in` */
};

static double loss(void *context) {
    const struct problem *p = context;
    double sum = 0;
    memcpy(p->op.delta, p->in, N * sizeof *p->in);
    dm_softplus_reference(&p->op, 0, N_TOKEN);
    for (size_t i = 0; i < N; i++)
        sum += p->ddelta[i] * p->op.delta[i];
    return sum;
}

static void test_gradients(void **state) {
    (void)state;
    struct dm_random random;
    dm_random_seed(&random, 2);
    dm_real *in = random_reals(&random, N, 0, 3), *bias = random_reals(&random, WIDTH, 0, 1);
    dm_real *delta = zero_reals(N), *ddelta = random_reals(&random, N, 0, 1);
    dm_real *gradient = zero_reals(N), *dbias = random_reals(&random, WIDTH, 0, 1);
    dm_real before[WIDTH];
    in[0] = -40 - bias[0]; /* a step of e^-40, one next to 0, one beyond the threshold */
    in[WIDTH] = -600 - bias[0];
    in[2 * WIDTH] = 30 - bias[0];
    struct problem p = {{WIDTH, bias, delta}, in, ddelta};
    memcpy(gradient, ddelta, N * sizeof *ddelta);
    memcpy(before, dbias, sizeof before);
    loss(&p);
    struct dm_softplus_grad grad = {gradient, dbias};
    dm_softplus_backward_reference(&p.op, &grad, N_TOKEN, 3, WIDTH - 3);
    dm_softplus_backward_reference(&p.op, &grad, N_TOKEN, 0, 3);
    for (size_t i = 0; i < WIDTH; i++)
        dbias[i] -= before[i];
    check_gradient("in", in, gradient, N, loss, &p);
    check_gradient("bias", bias, dbias, WIDTH, loss, &p);
    dm_real *all[] = {in, bias, delta, ddelta, gradient, dbias};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        dm_memory_free(all[i]);
}

/* Against the sigmoid itself where a difference would see nothing: all digits, however small. */
static void test_small_steps(void **state) {
    (void)state;
    dm_real zero = 0;
    for (int i = -7000; i <= 400; i++) {
        dm_real v = (dm_real)i / 10, step = v, gradient = 3, dbias = 0;
        struct dm_softplus op = {1, &zero, &step};
        struct dm_softplus_grad grad = {&gradient, &dbias};
        dm_softplus_reference(&op, 0, 1);
        dm_softplus_backward_reference(&op, &grad, 1, 0, 1);
        double expected = 3 / (1 + exp(-(double)v)); /* beyond 20 the step is v: e^-40 off */
        assert_true(fabs((double)gradient - expected) <= (v > 20 ? 1e-8 : 1e-14) * expected);
        assert_true(dbias == gradient);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_small_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
