#include "ops/gradient_check.h"

enum { MOST_SEQUENCES = 6 };

/* A random batch with its gradients. The loss is sum(weight * y) + sum(state_weight * the last
 * states), whose gradients with respect to y and to those states are the weights themselves. */
struct batch {
    struct dm_selective_scan op;
    struct dm_selective_scan_grad grad;
    size_t n_token, n_inner, n_state, n_BC; /* numbers in u; in all states; in BC */
    size_t start[MOST_SEQUENCES + 1];
    dm_real *u, *delta, *A, *BC, *D, *z, *y, *first, *last, *weight, *state_weight, *dBC;
    dm_real *state[MOST_SEQUENCES], *dstate[MOST_SEQUENCES];
};

static void batch_new(struct batch *b, const size_t *length, size_t n_sequence, size_t d_inner,
                      size_t d_state) {
    struct dm_random random;
    size_t one_state = d_state * d_inner;
    dm_random_seed(&random, 11);
    b->start[0] = 0;
    for (size_t s = 0; s < n_sequence; s++)
        b->start[s + 1] = b->start[s] + length[s];
    b->n_token = b->start[n_sequence];
    b->n_inner = b->n_token * d_inner;
    b->n_state = n_sequence * one_state;
    b->n_BC = b->n_token * 2 * d_state;
    b->u = random_reals(&random, b->n_inner, 0, 1);
    b->delta = random_reals(&random, b->n_inner, -2, 1);
    b->A = random_reals(&random, one_state, 0, 1);
    for (size_t i = 0; i < b->n_inner; i++)
        b->delta[i] = exp(b->delta[i]);
    for (size_t i = 0; i < one_state; i++)
        b->A[i] = -exp(b->A[i]);
    b->BC = random_reals(&random, b->n_BC, 0, 1);
    b->D = random_reals(&random, d_inner, 1, 1);
    b->z = random_reals(&random, b->n_inner, 0, 2);
    b->y = zero_reals(b->n_inner);
    b->first = random_reals(&random, b->n_state, 0, 1);
    b->last = zero_reals(b->n_state);
    b->weight = random_reals(&random, b->n_inner, 0, 1);
    b->state_weight = random_reals(&random, b->n_state, 0, 1);
    size_t n_checkpoint = dm_scan_n_checkpoint(b->n_token, n_sequence) * one_state;
    size_t n_parts = (d_inner + DM_SCAN_BLOCK - 1) / DM_SCAN_BLOCK * b->n_BC;
    b->op = (struct dm_selective_scan){.n_sequence = n_sequence,
                                       .d_inner = d_inner,
                                       .d_state = d_state,
                                       .start = b->start,
                                       .u = b->u,
                                       .delta = {b->delta, 0, d_inner},
                                       .A = b->A,
                                       .BC = b->BC,
                                       .D = b->D,
                                       .z = {b->z, 0, d_inner},
                                       .ssm_state = b->state,
                                       .y = b->y,
                                       .checkpoints = random_reals(&random, n_checkpoint, NAN, 0)};
    b->grad = (struct dm_selective_scan_grad){.dy = b->weight,
                                              .du = random_reals(&random, b->n_inner, NAN, 0),
                                              .ddelta = random_reals(&random, b->n_inner, NAN, 0),
                                              .dz = random_reals(&random, b->n_inner, NAN, 0),
                                              .dA = zero_reals(one_state),
                                              .dD = zero_reals(d_inner),
                                              .dBC_parts = random_reals(&random, n_parts, NAN, 0),
                                              .dssm_state = b->dstate};
    b->dBC = random_reals(&random, b->n_BC, NAN, 0);
    b->dstate[0] = zero_reals(b->n_state);
    memcpy(b->dstate[0], b->state_weight, b->n_state * sizeof(dm_real));
    for (size_t s = 0; s < n_sequence; s++) {
        b->state[s] = b->last + s * one_state;
        b->dstate[s] = b->dstate[0] + s * one_state;
    }
}

static void batch_free(struct batch *b) {
    dm_real *all[] = {
        b->u,         b->delta,         b->A,       b->BC,      b->D,       b->z,
        b->y,         b->first,         b->last,    b->weight,  b->dBC,     b->state_weight,
        b->grad.du,   b->grad.ddelta,   b->grad.dz, b->grad.dA, b->grad.dD, b->grad.dBC_parts,
        b->dstate[0], b->op.checkpoints};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        dm_memory_free(all[i]);
}

static double loss(void *context) {
    struct batch *b = context;
    double sum = 0;
    memcpy(b->last, b->first, b->n_state * sizeof *b->last);
    dm_selective_scan_reference(&b->op, 0, b->op.d_inner);
    for (size_t i = 0; i < b->n_inner; i++)
        sum += b->weight[i] * b->y[i];
    for (size_t i = 0; i < b->n_state; i++)
        sum += b->state_weight[i] * b->last[i];
    return sum;
}

static void run_backward(struct batch *b) {
    dm_selective_scan_backward_reference(&b->op, &b->grad, 0, b->op.d_inner);
    dm_selective_scan_sum_parts(&b->op, &b->grad, b->dBC, 0, b->n_token / 2);
    dm_selective_scan_sum_parts(&b->op, &b->grad, b->dBC, b->n_token / 2,
                                b->n_token - b->n_token / 2);
}

/* Every `stride`-th derivative of each array against central differences. */
static void check_batch(const size_t *length, size_t n_sequence, size_t d_inner, size_t d_state,
                        size_t stride) {
    struct batch b;
    batch_new(&b, length, n_sequence, d_inner, d_state);
    loss(&b);
    run_backward(&b);
    b.op.checkpoints = (dm_memory_free(b.op.checkpoints), NULL);
    struct {
        const char *name;
        dm_real *values, *gradient;
        size_t n;
    } all[] = {{"u", b.u, b.grad.du, b.n_inner},
               {"delta", b.delta, b.grad.ddelta, b.n_inner},
               {"z", b.z, b.grad.dz, b.n_inner},
               {"A", b.A, b.grad.dA, d_state * d_inner},
               {"BC", b.BC, b.dBC, b.n_BC},
               {"D", b.D, b.grad.dD, d_inner},
               {"ssm_state", b.first, b.dstate[0], b.n_state}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        check_gradient_every(stride, all[i].name, all[i].values, all[i].gradient, all[i].n, loss,
                             &b);
    batch_free(&b);
}

static void test_gradients(void **state) {
    (void)state;
    static const size_t ragged[] = {31, 0, 70, 1, 32, 33}, two[] = {33, 2};
    check_batch(ragged, 6, 3, 1, 1);
    check_batch(ragged, 6, 2, 3, 1);
    check_batch(ragged, 6, 1, 16, 1);
    check_batch(two, 2, 67, 1, 5);
    check_batch(two, 2, 67, 3, 7); /* more than one block of channels */
    check_batch(two, 2, 130, 16, 61);
}

static void check_equal(const char *name, const dm_real *got, const dm_real *expected, size_t n) {
    double largest = 0;
    for (size_t i = 0; i < n; i++)
        largest = fmax(largest, fabs(expected[i]));
    for (size_t i = 0; i < n; i++)
        if (!(fabs(got[i] - expected[i]) <= 1e-13 * largest))
            fail_msg("%s[%zu]: %.15g, expected %.15g", name, i, got[i], expected[i]);
}

/* The tokens before `cut` and those from it on, one after the other, the state carried forward and
 * its gradient back. */
static void run_cut(struct batch *b, size_t cut) {
    size_t start[] = {0, cut, b->n_token};
    struct dm_selective_scan op[2] = {b->op, b->op};
    memcpy(b->last, b->first, b->n_state * sizeof *b->last);
    for (size_t i = 0; i < 2; i++) {
        op[i].start = &start[i];
        op[i].checkpoints = zero_reals(dm_scan_n_checkpoint(b->n_token, 1) * b->n_state);
        dm_selective_scan_reference(&op[i], 0, b->op.d_inner);
    }
    for (size_t i = 2; i-- > 0; dm_memory_free(op[i].checkpoints))
        dm_selective_scan_backward_reference(&op[i], &b->grad, 0, b->op.d_inner);
    dm_selective_scan_sum_parts(&b->op, &b->grad, b->dBC, 0, b->n_token);
}

/* A text cut in two is the whole text. */
static void test_cut(void **state) {
    (void)state;
    static const size_t length[] = {70}, cuts[] = {0, 1, 31, 32, 33, 50, 70};
    struct batch whole, cut;
    batch_new(&whole, length, 1, 5, 3);
    loss(&whole);
    run_backward(&whole);
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        batch_new(&cut, length, 1, 5, 3); /* the same numbers */
        run_cut(&cut, cuts[i]);
        check_equal("y", cut.y, whole.y, whole.n_inner);
        check_equal("state", cut.last, whole.last, whole.n_state);
        check_equal("du", cut.grad.du, whole.grad.du, whole.n_inner);
        check_equal("ddelta", cut.grad.ddelta, whole.grad.ddelta, whole.n_inner);
        check_equal("dz", cut.grad.dz, whole.grad.dz, whole.n_inner);
        check_equal("dA", cut.grad.dA, whole.grad.dA, whole.n_state);
        check_equal("dD", cut.grad.dD, whole.grad.dD, whole.op.d_inner);
        check_equal("dBC", cut.dBC, whole.dBC, whole.n_BC);
        check_equal("dstate", cut.dstate[0], whole.dstate[0], whole.n_state);
        batch_free(&cut);
    }
    batch_free(&whole);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
