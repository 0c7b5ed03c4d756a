#include "ops/gradient_check.h"

enum { MOST_SEQUENCES = 4 };

/* A random batch with its gradients. The loss is sum(weight * y) + sum(state_weight * the last
 * states), whose gradients with respect to y and to those states are the weights themselves. */
struct batch {
    struct dm_head_scan op;
    struct dm_head_scan_grad grad;
    size_t n_token, n_y, n_xBC, n_delta, n_D, n_state;
    size_t start[MOST_SEQUENCES + 1];
    dm_real *xBC, *delta, *A, *D, *y, *first, *last, *weight, *state_weight, *dstate;
    dm_real *state[MOST_SEQUENCES], *dstates[MOST_SEQUENCES];
    dm_real *scales, *scale[MOST_SEQUENCES]; /* the reference leaves them 1 */
};

static void batch_new(struct batch *b, const size_t *length, size_t n_sequence,
                      const struct dm_head_scan *sizes) {
    struct dm_random random;
    size_t E = sizes->n_head * sizes->head_dim, one_state = sizes->d_state * E;
    dm_random_seed(&random, 11);
    b->op = *sizes;
    b->start[0] = 0;
    for (size_t s = 0; s < n_sequence; s++)
        b->start[s + 1] = b->start[s] + length[s];
    b->n_token = b->start[n_sequence];
    b->n_y = b->n_token * E;
    b->n_xBC = b->n_token * dm_head_scan_width(sizes);
    b->n_delta = b->n_token * sizes->n_head;
    b->n_D = sizes->D_by_channel ? E : sizes->n_head;
    b->n_state = n_sequence * one_state;
    b->op.n_sequence = n_sequence;
    b->op.start = b->start;
    b->op.xBC = b->xBC = random_reals(&random, b->n_xBC, 0, 1);
    b->op.delta = b->delta = random_reals(&random, b->n_delta, -2, 1);
    b->op.A = b->A = random_reals(&random, sizes->n_head, 0, 1);
    b->op.D = b->D = random_reals(&random, b->n_D, 1, 1);
    b->op.y = b->y = zero_reals(b->n_y);
    for (size_t i = 0; i < b->n_delta; i++)
        b->delta[i] = exp(b->delta[i]);
    for (size_t i = 0; i < sizes->n_head; i++)
        b->A[i] = -exp(b->A[i]);
    b->first = random_reals(&random, b->n_state, 0, 1);
    b->last = zero_reals(b->n_state);
    b->scales = zero_reals(n_sequence * sizes->n_head);
    b->weight = random_reals(&random, b->n_y, 0, 1);
    b->state_weight = random_reals(&random, b->n_state, 0, 1);
    b->dstate = zero_reals(b->n_state);
    memcpy(b->dstate, b->state_weight, b->n_state * sizeof(dm_real));
    for (size_t s = 0; s < n_sequence; s++) {
        b->state[s] = b->last + s * one_state;
        b->dstates[s] = b->dstate + s * one_state;
        b->scale[s] = b->scales + s * sizes->n_head;
    }
    b->op.ssm_state = b->state;
    b->op.scale = b->scale;
    b->op.checkpoints = random_reals(
        &random, dm_head_scan_n_checkpoint(b->n_token, n_sequence) * one_state, NAN, 0);
    b->grad = (struct dm_head_scan_grad){
        .dy = b->weight,
        .dxBC = random_reals(&random, b->n_xBC, NAN, 0),
        .ddelta = random_reals(&random, b->n_delta, NAN, 0),
        .dA = zero_reals(sizes->n_head),
        .dD = zero_reals(b->n_D),
        .dBC_parts = random_reals(&random, sizes->n_head * b->n_token * 2 * sizes->d_state, NAN, 0),
        .dssm_state = b->dstates};
}

static void batch_free(struct batch *b) {
    dm_real *all[] = {b->xBC,     b->delta,          b->A,         b->D,           b->y,
                      b->first,   b->last,           b->scales,    b->weight,      b->state_weight,
                      b->dstate,  b->op.checkpoints, b->grad.dxBC, b->grad.ddelta, b->grad.dA,
                      b->grad.dD, b->grad.dBC_parts};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        dm_memory_free(all[i]);
}

static double loss(void *context) {
    struct batch *b = context;
    double sum = 0;
    memcpy(b->last, b->first, b->n_state * sizeof *b->last);
    dm_head_scan_reference(&b->op, 0, b->op.n_head);
    for (size_t i = 0; i < b->n_y; i++)
        sum += b->weight[i] * b->y[i];
    for (size_t i = 0; i < b->n_state; i++)
        sum += b->state_weight[i] * b->last[i];
    return sum;
}

static void check(const size_t *length, size_t n_sequence, const struct dm_head_scan *sizes,
                  size_t stride) {
    struct batch b;
    batch_new(&b, length, n_sequence, sizes);
    loss(&b);
    dm_head_scan_backward_reference(&b.op, &b.grad, 0, 1);
    dm_head_scan_backward_reference(&b.op, &b.grad, 1, sizes->n_head - 1);
    dm_head_scan_sum_parts(&b.op, &b.grad, 0, b.n_token / 2);
    dm_head_scan_sum_parts(&b.op, &b.grad, b.n_token / 2, b.n_token - b.n_token / 2);
    check_gradient_every(stride, "x, B and C", b.xBC, b.grad.dxBC, b.n_xBC, loss, &b);
    check_gradient_every(stride, "delta", b.delta, b.grad.ddelta, b.n_delta, loss, &b);
    check_gradient("A", b.A, b.grad.dA, sizes->n_head, loss, &b);
    check_gradient("D", b.D, b.grad.dD, b.n_D, loss, &b);
    check_gradient_every(stride, "first state", b.first, b.dstate, b.n_state, loss, &b);
    batch_free(&b);
}

static void test_gradients(void **state) {
    (void)state;
    static const size_t length[] = {3, 0, 1, 12}, longer[] = {1, 300};
    const struct dm_head_scan one = {.n_head = 2, .head_dim = 3, .d_state = 4, .n_group = 1};
    const struct dm_head_scan two = {
        .n_head = 6, .head_dim = 2, .d_state = 3, .n_group = 3, .D_by_channel = true};
    check(length, 4, &one, 1);
    check(length, 4, &two, 1);
    check(longer, 2, &one, 7); /* several chunks */
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_gradients)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
