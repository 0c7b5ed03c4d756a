/* For the tests of the two passes: a random batch of sequences. */
#ifndef DM_OPS_TEST_SCAN_BATCH_H
#define DM_OPS_TEST_SCAN_BATCH_H

#include "ops/test_variants.h"

enum { MOST_SEQUENCES = 6 };

/* A random batch, and room for what one variant makes of it. */
struct batch {
    struct dm_selective_scan op;
    size_t n_token, n_state; /* floats per state */
    size_t start[MOST_SEQUENCES + 1];
    float *u, *delta, *A, *BC, *D, *z, *y, *first[MOST_SEQUENCES], *state[MOST_SEQUENCES];
};

static inline void batch_new(struct batch *b, struct dm_random *random, const size_t *length,
                             size_t n_sequence, size_t d_inner, size_t d_state) {
    b->n_token = 0;
    b->n_state = d_state * d_inner;
    for (size_t s = 0; s < n_sequence; s++) {
        b->start[s] = b->n_token;
        b->n_token += length[s];
        b->first[s] = random_floats(random, b->n_state, 0, 1);
        b->state[s] = copied_floats(b->first[s], b->n_state);
    }
    b->start[n_sequence] = b->n_token;
    size_t n = b->n_token * d_inner;
    b->u = random_floats(random, n, 0, 1);
    b->z = random_floats(random, n, 0, 2);
    b->y = new_floats(n);
    b->delta = random_floats(random, n, 0, 1);
    b->A = random_floats(random, b->n_state, 0, 1.5);
    for (size_t i = 0; i < n; i++)
        b->delta[i] = expf(b->delta[i] - 2);
    for (size_t i = 0; i < b->n_state; i++)
        b->A[i] = -expf(b->A[i]);
    b->BC = random_floats(random, b->n_token * 2 * d_state, 0, 1);
    b->D = random_floats(random, d_inner, 1, 1);
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
                                       .y = b->y};
}

/* Back to the initial states and an untouched y. */
static inline void batch_rewind(struct batch *b) {
    for (size_t s = 0; s < b->op.n_sequence; s++)
        memcpy(b->state[s], b->first[s], b->n_state * sizeof(float));
    for (size_t i = 0; i < b->n_token * b->op.d_inner; i++)
        b->y[i] = dm_float_from_bits(GUARD_BITS);
}

static inline void batch_free(struct batch *b) {
    size_t n = b->n_token * b->op.d_inner;
    for (size_t s = 0; s < b->op.n_sequence; s++) {
        free_floats(b->first[s], b->n_state);
        free_floats(b->state[s], b->n_state);
    }
    free_floats(b->u, n);
    free_floats(b->delta, n);
    free_floats(b->z, n);
    free_floats(b->y, n);
    free_floats(b->A, b->n_state);
    free_floats(b->BC, b->n_token * 2 * b->op.d_state);
    free_floats(b->D, b->op.d_inner);
}

#endif
