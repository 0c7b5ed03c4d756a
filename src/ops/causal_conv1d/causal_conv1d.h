/* y[t,c] = silu(bias[c] + sum_k weight[k,c] * x[t - (d_conv - 1) + k, c]),
 * silu(v) = v / (1 + exp(-v))
 * Each channel alone; before a sequence's first token come the rows of its conv_state, which in the
 * end holds the last d_conv - 1 rows that were seen. y must not overlap x.
 * Source: Gu & Dao 2023, section 3.4; official causal_conv1d. */
#ifndef DM_OPS_CAUSAL_CONV1D_H
#define DM_OPS_CAUSAL_CONV1D_H

#include <stddef.h>

struct dm_causal_conv1d {
    size_t n_sequence, d_inner, d_conv;
    const size_t *start;      /* [n_sequence + 1] */
    const float *x;           /* [n_token, d_inner] */
    const float *weight;      /* [d_conv, d_inner] */
    const float *bias;        /* [d_inner]; NULL: 0 */
    float *const *conv_state; /* [n_sequence] of [d_conv - 1, d_inner], oldest row first */
    float *y;                 /* [n_token, d_inner] */
};

/* Channels channel .. channel + n_channel of every sequence, its state included. */
void dm_causal_conv1d_reference(const struct dm_causal_conv1d *op, size_t channel,
                                size_t n_channel);

/* conv_state takes the last d_conv - 1 rows of (conv_state, the sequence's x); every variant ends
 * with this. */
void dm_causal_conv1d_keep_state(const struct dm_causal_conv1d *op, size_t sequence, size_t channel,
                                 size_t n_channel);

/* Row `t` of a sequence of `op`, counted from its first token; negative: in its conv_state. */
static inline const float *dm_causal_conv1d_row(const struct dm_causal_conv1d *op, size_t sequence,
                                                ptrdiff_t t) {
    return t < 0
               ? op->conv_state[sequence] + ((ptrdiff_t)op->d_conv - 1 + t) * (ptrdiff_t)op->d_inner
               : op->x + (op->start[sequence] + (size_t)t) * op->d_inner;
}

#endif
