#include "ops/embedding/embedding.h"

#include "ops/gradient_check.h"

enum { VOCAB = 5, WIDTH = 6, N_TOKEN = 7, N_OUT = N_TOKEN * WIDTH, N_WEIGHT = VOCAB * WIDTH };

struct problem {
    struct dm_embedding op;
    const dm_real *dout;
};

static double loss(void *context) {
    const struct problem *p = context;
    double sum = 0;
    dm_embedding_forward(&p->op, 0, N_TOKEN);
    for (size_t i = 0; i < N_OUT; i++)
        sum += p->dout[i] * p->op.out[i];
    return sum;
}

/* Ids that come once, again, next to themselves, or (2) not at all. */
static void test_gradients(void **state) {
    (void)state;
    static const int32_t ids[N_TOKEN] = {4, 0, 3, 3, 0, 1, 3};
    struct dm_random random;
    dm_random_seed(&random, 4);
    dm_real *weight = random_reals(&random, N_WEIGHT, 0, 1), *out = zero_reals(N_OUT);
    dm_real *dout = random_reals(&random, N_OUT, 0, 1);
    dm_real *dweight = random_reals(&random, N_WEIGHT, 0, 1), *before = zero_reals(N_WEIGHT);
    struct problem p = {{.d_model = WIDTH, .weight = weight, .ids = ids, .out = out}, dout};
    memcpy(before, dweight, N_WEIGHT * sizeof *before);
    dm_embedding_backward(&p.op, dout, dweight, N_TOKEN, 0, 2);
    dm_embedding_backward(&p.op, dout, dweight, N_TOKEN, 2, 0);
    dm_embedding_backward(&p.op, dout, dweight, N_TOKEN, 2, WIDTH - 2);
    for (size_t i = 0; i < N_WEIGHT; i++)
        dweight[i] -= before[i];
    check_gradient("weight", weight, dweight, N_WEIGHT, loss, &p);
    dm_real *all[] = {weight, out, dout, dweight, before};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        dm_memory_free(all[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_gradients)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
