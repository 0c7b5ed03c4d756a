#include "ops/gradient_check.h"

enum { N_SEQUENCE = 5, N_TOKEN = 12, D_INNER = 3, MOST_CONV = 5, N = N_TOKEN * D_INNER };

/* One of two tokens (less than most states), none, one, two, and seven (more than any state). */
static const size_t start[N_SEQUENCE + 1] = {0, 2, 2, 3, 5, N_TOKEN};

/* loss = sum dy y + sum dlast (final state), the states being one array [n_sequence, n_state]. */
struct problem {
    struct dm_causal_conv1d op;
    size_t n_state; /* elements of one state */
    dm_real *x, *weight, *bias, *dy, *first, *dlast;
    dm_real *y, *last, *state[N_SEQUENCE];
};

static void problem_new(struct problem *p, struct dm_random *random, size_t d_conv, bool has_bias) {
    p->n_state = (d_conv - 1) * D_INNER;
    p->x = random_reals(random, N, 0, 1);
    p->weight = random_reals(random, d_conv * D_INNER, 0, 1);
    p->bias = random_reals(random, D_INNER, 0, 1);
    p->dy = random_reals(random, N, 0, 1);
    p->first = random_reals(random, N_SEQUENCE * p->n_state + 1, 0, 1); /* never empty */
    p->dlast = random_reals(random, N_SEQUENCE * p->n_state + 1, 0, 1);
    p->y = zero_reals(N);
    p->last = zero_reals(N_SEQUENCE * p->n_state + 1);
    for (size_t s = 0; s < N_SEQUENCE; s++)
        p->state[s] = p->last + s * p->n_state;
    p->op = (struct dm_causal_conv1d){.n_sequence = N_SEQUENCE,
                                      .d_inner = D_INNER,
                                      .d_conv = d_conv,
                                      .start = start,
                                      .x = {p->x, 0, D_INNER},
                                      .weight = p->weight,
                                      .bias = has_bias ? p->bias : NULL,
                                      .conv_state = p->state,
                                      .y = p->y};
}

static void problem_free(struct problem *p) {
    dm_real *all[] = {p->x, p->weight, p->bias, p->dy, p->first, p->dlast, p->y, p->last};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        dm_memory_free(all[i]);
}

/* The states as they were before the forward pass. */
static void rewind_states(struct problem *p) {
    memcpy(p->last, p->first, N_SEQUENCE * p->n_state * sizeof *p->first);
}

static double loss(void *context) {
    struct problem *p = context;
    double sum = 0;
    rewind_states(p);
    dm_causal_conv1d_reference(&p->op, 0, D_INNER);
    for (size_t i = 0; i < N; i++)
        sum += p->dy[i] * p->y[i];
    for (size_t i = 0; i < N_SEQUENCE * p->n_state; i++)
        sum += p->dlast[i] * p->last[i];
    return sum;
}

/* Zeros to accumulate in, but for dconv_state, the gradient of the final states; and for dx, which
 * is overwritten. */
struct gradient {
    dm_real dx[N], dweight[MOST_CONV * D_INNER], dbias[D_INNER];
    dm_real dconv_state[N_SEQUENCE * (MOST_CONV - 1) * D_INNER];
    dm_real *states[N_SEQUENCE];
};

static struct dm_causal_conv1d_grad gradient_start(struct gradient *g, const struct problem *p) {
    *g = (struct gradient){0};
    for (size_t i = 0; i < N; i++)
        g->dx[i] = NAN;
    memcpy(g->dconv_state, p->dlast, N_SEQUENCE * p->n_state * sizeof *p->dlast);
    for (size_t s = 0; s < N_SEQUENCE; s++)
        g->states[s] = g->dconv_state + s * p->n_state;
    return (struct dm_causal_conv1d_grad){.dy = p->dy,
                                          .dx = g->dx,
                                          .dweight = g->dweight,
                                          .dbias = p->op.bias ? g->dbias : NULL,
                                          .dconv_state = g->states};
}

static void test_gradients(void **state) {
    (void)state;
    struct dm_random random;
    struct problem p;
    struct gradient g;
    dm_random_seed(&random, 5);
    for (size_t d_conv = 1; d_conv <= MOST_CONV; d_conv++)
        for (int has_bias = 0; has_bias < 2; has_bias++) {
            problem_new(&p, &random, d_conv, has_bias);
            struct dm_causal_conv1d_grad grad = gradient_start(&g, &p);
            rewind_states(&p);
            dm_causal_conv1d_backward_reference(&p.op, &grad, 1, D_INNER - 1);
            dm_causal_conv1d_backward_reference(&p.op, &grad, 0, 1);
            assert_memory_equal(p.last, p.first, N_SEQUENCE * p.n_state * sizeof *p.first);
            check_gradient("x", p.x, g.dx, N, loss, &p);
            check_gradient("weight", p.weight, g.dweight, d_conv * D_INNER, loss, &p);
            check_gradient("conv_state", p.first, g.dconv_state, N_SEQUENCE * p.n_state, loss, &p);
            if (has_bias)
                check_gradient("bias", p.bias, g.dbias, D_INNER, loss, &p);
            problem_free(&p);
        }
}

/* Without dconv_state the final state has no gradient, and the rest is the same. */
static void test_no_state_gradient(void **state) {
    (void)state;
    struct dm_random random;
    struct problem p;
    struct gradient g;
    dm_random_seed(&random, 6);
    for (size_t d_conv = 1; d_conv <= MOST_CONV; d_conv++) {
        problem_new(&p, &random, d_conv, true);
        memset(p.dlast, 0, N_SEQUENCE * p.n_state * sizeof *p.dlast);
        struct dm_causal_conv1d_grad grad = gradient_start(&g, &p);
        grad.dconv_state = NULL;
        rewind_states(&p);
        dm_causal_conv1d_backward_reference(&p.op, &grad, 0, D_INNER);
        check_gradient("x", p.x, g.dx, N, loss, &p);
        check_gradient("weight", p.weight, g.dweight, d_conv * D_INNER, loss, &p);
        check_gradient("bias", p.bias, g.dbias, D_INNER, loss, &p);
        problem_free(&p);
    }
}

/* Every sequence cut at `cut` of its tokens (or at its end): the second pieces' forward pass starts
 * from the first ones' states, the first pieces' backward pass from the second ones' gradients. */
static void backward_in_two(struct problem *p, size_t cut,
                            const struct dm_causal_conv1d_grad *grad) {
    for (size_t s = 0; s < N_SEQUENCE; s++) {
        size_t n = start[s + 1] - start[s], middle = start[s] + (cut < n ? cut : n);
        size_t piece[2][2] = {{start[s], middle}, {middle, start[s + 1]}};
        struct dm_causal_conv1d op = p->op;
        struct dm_causal_conv1d_grad part = *grad;
        op.n_sequence = 1, op.conv_state = &p->state[s];
        part.dconv_state = &grad->dconv_state[s];
        op.start = piece[0];
        dm_causal_conv1d_reference(&op, 0, D_INNER);
        op.start = piece[1];
        dm_causal_conv1d_backward_reference(&op, &part, 0, D_INNER);
        memcpy(p->state[s], p->first + s * p->n_state, p->n_state * sizeof *p->first);
        op.start = piece[0];
        dm_causal_conv1d_backward_reference(&op, &part, 0, D_INNER);
    }
}

static void check_same(const char *name, const dm_real *got, const dm_real *expected, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!(fabs((double)(got[i] - expected[i])) <= 1e-13 * fmax(1, fabs((double)expected[i]))))
            fail_msg("%s[%zu]: %.17g, expected %.17g", name, i, (double)got[i],
                     (double)expected[i]);
}

static void test_pieces(void **state) {
    (void)state;
    struct dm_random random;
    struct problem p;
    struct gradient whole, parts;
    dm_random_seed(&random, 7);
    for (size_t d_conv = 1; d_conv <= MOST_CONV; d_conv++) {
        problem_new(&p, &random, d_conv, true);
        struct dm_causal_conv1d_grad grad = gradient_start(&whole, &p);
        rewind_states(&p);
        dm_causal_conv1d_backward_reference(&p.op, &grad, 0, D_INNER);
        for (size_t cut = 0; cut <= N_TOKEN; cut++) {
            grad = gradient_start(&parts, &p);
            rewind_states(&p);
            backward_in_two(&p, cut, &grad);
            check_same("dx", parts.dx, whole.dx, N);
            check_same("dweight", parts.dweight, whole.dweight, d_conv * D_INNER);
            check_same("dbias", parts.dbias, whole.dbias, D_INNER);
            check_same("dconv_state", parts.dconv_state, whole.dconv_state, N_SEQUENCE * p.n_state);
        }
        problem_free(&p);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_no_state_gradient),
        cmocka_unit_test(test_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
