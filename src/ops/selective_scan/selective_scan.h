/* The selective state space and its gate, channel by channel c:
 *     A_bar[t,n] = exp(delta[t] * A[n])
 *     h[t,n]     = A_bar[t,n] * h[t-1,n] + delta[t] * u[t] * B[t,n]
 *     y[t]       = (sum_n C[t,n] * h[t,n] + D * u[t]) * silu(z[t])
 * h starts from ssm_state, which holds the last h in the end.
 * Source: Gu & Dao 2023, eq. 2a and Algorithm 2 (B_bar simplified to delta * B);
 * official selective_scan_ref. */
#ifndef DM_OPS_SELECTIVE_SCAN_H
#define DM_OPS_SELECTIVE_SCAN_H

#include <stddef.h>

#include "ops/real.h"

struct dm_selective_scan {
    size_t n_sequence, d_inner, d_state;
    const size_t *start;          /* [n_sequence + 1] */
    const dm_real *u;             /* [n_token, d_inner] */
    struct dm_channel_view delta; /* [n_token, d_inner], or some of its channels */
    const dm_real *A;             /* [d_state, d_inner], negative */
    const dm_real *BC;            /* [n_token, 2 * d_state]: B, then C */
    const dm_real *D;             /* [d_inner] */
    struct dm_channel_view z;     /* as delta */
    dm_real *const *ssm_state;    /* [n_sequence] of [d_state, d_inner] */
    dm_real *y;                   /* [n_token, d_inner]; may be z's rows, or u */
    dm_real *checkpoints;         /* [dm_scan_n_checkpoint(), d_state, d_inner]: h before every
                                  DM_SCAN_CHUNK-th token of a sequence, for the backward pass; NULL:
                                  not kept */
};

enum {
    DM_SCAN_CHUNK = 32, /* tokens from one checkpoint to the next */
    DM_SCAN_BLOCK = 64  /* channels whose gradients of B and C are summed at once */
};

/* Checkpoints of a packed batch; those of sequence s begin with number
 * start[s] / DM_SCAN_CHUNK + s, which leaves a few unused. */
static inline size_t dm_scan_n_checkpoint(size_t n_token, size_t n_sequence) {
    return n_token / DM_SCAN_CHUNK + n_sequence;
}
static inline dm_real *dm_scan_checkpoint(const struct dm_selective_scan *op, size_t sequence,
                                          size_t chunk) {
    size_t number = op->start[sequence] / DM_SCAN_CHUNK + sequence + chunk;
    return op->checkpoints + number * op->d_state * op->d_inner;
}

/* Channels channel .. channel + n_channel of every sequence; `delta` and `z` hold them. */
void dm_selective_scan_reference(const struct dm_selective_scan *op, size_t channel,
                                 size_t n_channel);

/* Chunk by chunk from the last to the first: h is computed again from the chunk's checkpoint, then,
 * with g[t,n] the gradient of h[t,n] and dy that of the sum before the gate,
 *     g[t,n]    = C[t,n] * dy[t] + A_bar[t+1,n] * g[t+1,n]
 *     dC[t,n]   = sum_c dy[t] * h[t,n];         dB[t,n] = sum_c g[t,n] * delta[t] * u[t]
 *     du[t]     = D * dy[t] + delta[t] * sum_n g[t,n] * B[t,n]
 *     ddelta[t] = sum_n g[t,n] * (A[n] * A_bar[t,n] * h[t-1,n] + u[t] * B[t,n])
 *     dA[n]    += sum_t g[t,n] * delta[t] * A_bar[t,n] * h[t-1,n];   dD += sum_t dy[t] * u[t]
 * `op` is as in the forward pass, `checkpoints` filled by it; its y and ssm_state are not read, and
 * z must still be z; delta and z hold all channels. */
struct dm_selective_scan_grad {
    const dm_real *dy;         /* [n_token, d_inner], of y, after the gate */
    dm_real *du, *ddelta, *dz; /* [n_token, d_inner], overwritten; dz may be dy */
    dm_real *y;                /* [n_token, d_inner]: y once more, with the bits that the forward
                                  pass of the same variant gave it; NULL: not wanted */
    dm_real *dA;               /* [d_state, d_inner], accumulates */
    dm_real *dD;               /* [d_inner], accumulates */
    dm_real *dBC_parts; /* [ceil(d_inner / DM_SCAN_BLOCK), n_token, 2 * d_state], overwritten: the
                            sums over each block of channels */
    dm_real *const *dssm_state; /* [n_sequence] of [d_state, d_inner]: the gradient of the final
                                   state (0, when nothing follows) becomes that of the first */
};

/* Channels channel .. channel + n_channel of every sequence; `channel` is a multiple of
 * DM_SCAN_BLOCK, and so is n_channel, unless it goes up to d_inner. */
void dm_selective_scan_backward_reference(const struct dm_selective_scan *op,
                                          const struct dm_selective_scan_grad *grad, size_t channel,
                                          size_t n_channel);
/* dBC [n_token, 2 * d_state] = the sum of the parts, in order, for a range of tokens. */
void dm_selective_scan_sum_parts(const struct dm_selective_scan *op,
                                 const struct dm_selective_scan_grad *grad, dm_real *dBC,
                                 size_t token, size_t n_token);

#endif
