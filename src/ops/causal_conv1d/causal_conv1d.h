/* y[t,c] = silu(bias[c] + sum_k weight[k,c] * x[t - (d_conv - 1) + k, c]),
 * silu(v) = v / (1 + exp(-v))
 * Each channel alone; before a sequence's first token come the rows of its conv_state, which in the
 * end holds the last d_conv - 1 rows that were seen. y must not overlap x.
 * Source: Gu & Dao 2023, section 3.4; official causal_conv1d. */
#ifndef DM_OPS_CAUSAL_CONV1D_H
#define DM_OPS_CAUSAL_CONV1D_H

#include <stddef.h>

#include "ops/real.h"

struct dm_causal_conv1d {
    size_t n_sequence, d_inner, d_conv;
    const size_t *start;        /* [n_sequence + 1] */
    struct dm_channel_view x;   /* [n_token, d_inner], or some of its channels */
    const dm_real *weight;      /* [d_conv, d_inner] */
    const dm_real *bias;        /* [d_inner]; NULL: 0 */
    dm_real *const *conv_state; /* [n_sequence] of [d_conv - 1, d_inner], oldest row first */
    dm_real *y;                 /* [n_token, d_inner] */
};

/* Channels channel .. channel + n_channel of every sequence, its state included; `x` holds them. */
void dm_causal_conv1d_reference(const struct dm_causal_conv1d *op, size_t channel,
                                size_t n_channel);

/* With v the sum under the silu, computed again, dv = dy * silu'(v):
 *     dx[t - (d_conv - 1) + k, c] += weight[k,c] * dv[t,c]
 *     dweight[k,c] += sum_t dv[t,c] * x[t - (d_conv - 1) + k, c];   dbias[c] += sum_t dv[t,c]
 * `op->conv_state` must hold what it held before the forward pass, and is left as it is; `op->y` is
 * not read, and `op->x` holds all channels. */
struct dm_causal_conv1d_grad {
    const dm_real *dy;           /* [n_token, d_inner] */
    dm_real *dx;                 /* [n_token, d_inner], overwritten; not dy */
    dm_real *dweight;            /* [d_conv, d_inner], accumulates */
    dm_real *dbias;              /* [d_inner], accumulates; NULL where `op->bias` is */
    dm_real *const *dconv_state; /* [n_sequence] of [d_conv - 1, d_inner]: the gradient of the final
                                    state becomes that of the first. NULL: 0, and not wanted */
};

/* Channels channel .. channel + n_channel of every sequence. */
void dm_causal_conv1d_backward_reference(const struct dm_causal_conv1d *op,
                                         const struct dm_causal_conv1d_grad *grad, size_t channel,
                                         size_t n_channel);

/* conv_state takes the last d_conv - 1 rows of (conv_state, the sequence's x); every variant ends
 * with this. */
void dm_causal_conv1d_keep_state(const struct dm_causal_conv1d *op, size_t sequence, size_t channel,
                                 size_t n_channel);

/* The gradient of the final state goes to the rows that it held, its own place becoming 0: the last
 * d_conv - 1 rows of dx, which without it become 0, the others being left alone. Every backward
 * variant begins with this. */
void dm_causal_conv1d_start_gradient(const struct dm_causal_conv1d *op,
                                     const struct dm_causal_conv1d_grad *grad, size_t sequence,
                                     size_t channel, size_t n_channel);

/* Row `t` of a sequence of `op`, counted from its first token, at channel c; negative: in its
 * conv_state. */
static inline const dm_real *dm_causal_conv1d_row(const struct dm_causal_conv1d *op,
                                                  size_t sequence, ptrdiff_t t, size_t c) {
    if (t >= 0)
        return dm_channel_view_at(&op->x, op->start[sequence] + (size_t)t, c);
    return op->conv_state[sequence] + ((ptrdiff_t)op->d_conv - 1 + t) * (ptrdiff_t)op->d_inner + c;
}

/* The gradient of row `t` of a sequence of `op`, counted likewise; NULL where it is not wanted. */
static inline dm_real *dm_causal_conv1d_gradient_row(const struct dm_causal_conv1d *op,
                                                     const struct dm_causal_conv1d_grad *grad,
                                                     size_t sequence, ptrdiff_t t) {
    if (t >= 0)
        return grad->dx + (op->start[sequence] + (size_t)t) * op->d_inner;
    return grad->dconv_state ? grad->dconv_state[sequence] +
                                   ((ptrdiff_t)op->d_conv - 1 + t) * (ptrdiff_t)op->d_inner
                             : NULL;
}

#endif
