#include "ops/gradient_check.h"

struct problem {
    dm_real *logits;
    size_t n;
    int32_t id;
    double scale;
};

static double loss(void *context) {
    const struct problem *p = context;
    return p->scale * dm_cross_entropy_reference(p->logits, p->n, p->id);
}

static void check(struct dm_random *random, size_t n, int32_t id, double scale) {
    struct problem p = {random_reals(random, n, 3, 2), n, id, scale};
    dm_real *gradient = zero_reals(n);
    memcpy(gradient, p.logits, n * sizeof *gradient);
    double nll = dm_cross_entropy_backward_reference(gradient, n, id, (dm_real)scale);
    assert_true(nll == dm_cross_entropy_reference(p.logits, n, id));
    check_gradient("logits", p.logits, gradient, n, loss, &p);
    dm_memory_free(p.logits);
    dm_memory_free(gradient);
}

static void test_gradients(void **state) {
    (void)state;
    struct dm_random random;
    dm_random_seed(&random, 3);
    for (size_t n = 1; n <= 20; n++) {
        check(&random, n, 0, 1);
        check(&random, n, (int32_t)n - 1, .125);
        check(&random, n, (int32_t)(n / 2), -3);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_gradients)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
