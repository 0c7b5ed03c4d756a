/* Mamba-2's state space: head h has head_dim channels c that share Delta and A, its group g of heads
 * shares B and C:
 *     a[t,h]   = exp(delta[t,h] * A[h])
 *     S[t,n,c] = a[t,h] * S[t-1,n,c] + delta[t,h] * x[t,c] * B[t,g,n]
 *     y[t,c]   = sum_n C[t,g,n] * S[t,n,c] + D * x[t,c]
 * S starts from scale * ssm_state, and is that in the end.
 * Source: Dao & Gu 2024, section 6 and listing 1; official ssd_minimal.py and selective_state_update.
 *
 * As a head's channels and rows decay alike, the decay is taken out of the recurrence: with
 * scale[t,h] = a[t,h] * scale[t-1,h] and S = scale * R,
 *     R[t,n,c] = R[t-1,n,c] + delta[t,h] / scale[t,h] * x[t,c] * B[t,g,n]
 *     y[t,c]   = scale[t,h] * sum_n C[t,g,n] * R[t,n,c] + D * x[t,c]
 * two multiplications and additions for an element of S, as many as the chunked form (SSD) takes.
 * Where the scale falls below DM_HEAD_SCAN_LEAST_SCALE, R takes it over and it is 1 again. That
 * depends on the tokens alone, not on where chunks begin: any split of a text, and a step of
 * generation, give the bits of one reading. */
#ifndef DM_OPS_HEAD_SCAN_H
#define DM_OPS_HEAD_SCAN_H

#include <stdbool.h>

#include "ops/real.h"

struct dm_head_scan {
    size_t n_sequence, n_head, head_dim, d_state, n_group; /* n_group divides n_head */
    const size_t *start;                                   /* [n_sequence + 1] */
    const dm_real *xBC;   /* [n_token, dm_head_scan_width()]: x of all heads, B of all groups, C */
    const dm_real *delta; /* [n_token, n_head] */
    const dm_real *A;     /* [n_head], negative */
    const dm_real *D;     /* [n_head], or */
    bool D_by_channel;    /* [n_head * head_dim] */
    dm_real *const *ssm_state; /* [n_sequence] of [n_head, d_state, head_dim]: S / scale */
    dm_real *const *scale;     /* [n_sequence] of [n_head]; 0, of a cleared state, stands for 1 */
    dm_real *y;                /* [n_token, n_head * head_dim] */
    dm_real *checkpoints;      /* [dm_head_scan_n_checkpoint(), n_head, d_state, head_dim]: S before
                                  every DM_HEAD_SCAN_CHUNK-th token of a sequence, for the backward
                                  pass; NULL: not kept */
};

enum {
    DM_HEAD_SCAN_CHUNK = 128, /* tokens from one checkpoint to the next */
    DM_HEAD_SCAN_BLOCK = 4    /* heads that are fastest together, where they share B and C */
};
#define DM_HEAD_SCAN_LEAST_SCALE 0x1p-32f /* R stays finite where S is below 2^95 */

static inline size_t dm_head_scan_width(const struct dm_head_scan *op) {
    return op->n_head * op->head_dim + 2 * op->n_group * op->d_state;
}
/* B and C of a token, as head `h` reads them. */
static inline const dm_real *dm_head_scan_B(const struct dm_head_scan *op, size_t t, size_t h) {
    size_t group = h / (op->n_head / op->n_group);
    return op->xBC + t * dm_head_scan_width(op) + op->n_head * op->head_dim + group * op->d_state;
}
static inline const dm_real *dm_head_scan_C(const struct dm_head_scan *op, size_t t, size_t h) {
    return dm_head_scan_B(op, t, h) + op->n_group * op->d_state;
}

/* Checkpoints of a packed batch; those of sequence s begin with number
 * start[s] / DM_HEAD_SCAN_CHUNK + s, which leaves a few unused. */
static inline size_t dm_head_scan_n_checkpoint(size_t n_token, size_t n_sequence) {
    return n_token / DM_HEAD_SCAN_CHUNK + n_sequence;
}
static inline dm_real *dm_head_scan_checkpoint(const struct dm_head_scan *op, size_t sequence,
                                               size_t chunk) {
    size_t number = op->start[sequence] / DM_HEAD_SCAN_CHUNK + sequence + chunk;
    return op->checkpoints + number * op->d_state * op->n_head * op->head_dim;
}
static inline dm_real dm_head_scan_scale(const struct dm_head_scan *op, size_t sequence, size_t h) {
    dm_real scale = op->scale[sequence][h];
    return scale == 0 ? 1 : scale;
}
/* Keeps S of a range of heads. */
void dm_head_scan_keep(const struct dm_head_scan *op, size_t sequence, size_t chunk, size_t head,
                       size_t n_head);

/* Heads head .. head + n_head of every sequence. */
void dm_head_scan_reference(const struct dm_head_scan *op, size_t head, size_t n_head);

/* Chunk by chunk from the last to the first: S is computed again from the chunk's checkpoint, then,
 * with G[t,n,c] the gradient of S[t,n,c],
 *     G[t,n,c]   = C[t,g,n] * dy[t,c] + a[t+1,h] * G[t+1,n,c]
 *     dC[t,g,n]  = sum_c dy[t,c] * S[t,n,c];     dB[t,g,n] = sum_c G[t,n,c] * delta[t,h] * x[t,c]
 *     dx[t,c]    = D * dy[t,c] + delta[t,h] * sum_n G[t,n,c] * B[t,g,n]
 *     r[t,h]     = a[t,h] * sum_n,c G[t,n,c] * S[t-1,n,c]
 *     ddelta[t,h] = A * r[t,h] + sum_n,c G[t,n,c] * x[t,c] * B[t,g,n]
 *     dA[h]     += sum_t delta[t,h] * r[t,h];    dD += sum_t dy[t,c] * x[t,c]
 * `op` is as in the forward pass, `checkpoints` filled by it; its y and ssm_state are not read. */
struct dm_head_scan_grad {
    const dm_real *dy;          /* [n_token, n_head * head_dim] */
    dm_real *dxBC;              /* as xBC, overwritten: dx by the heads, the rest by sum_parts */
    dm_real *ddelta;            /* [n_token, n_head], overwritten */
    dm_real *dA;                /* [n_head], accumulates */
    dm_real *dD;                /* as D, accumulates */
    dm_real *dBC_parts;         /* [n_head, n_token, 2 * d_state], overwritten: each head's share */
    dm_real *const *dssm_state; /* [n_sequence] of [n_head, d_state, head_dim]: the gradient of the
                                   final state (0, when nothing follows) becomes that of the first */
};

/* Heads head .. head + n_head of every sequence. */
void dm_head_scan_backward_reference(const struct dm_head_scan *op,
                                     const struct dm_head_scan_grad *grad, size_t head,
                                     size_t n_head);
/* dB and dC of a range of tokens: the sums of the parts of each group's heads, in order. */
void dm_head_scan_sum_parts(const struct dm_head_scan *op, const struct dm_head_scan_grad *grad,
                            size_t token, size_t n_token);

#endif
