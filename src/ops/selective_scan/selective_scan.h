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

struct dm_selective_scan {
    size_t n_sequence, d_inner, d_state;
    const size_t *start;     /* [n_sequence + 1] */
    const float *u;          /* [n_token, d_inner] */
    const float *delta;      /* [n_token, d_inner] */
    const float *A;          /* [d_state, d_inner], negative */
    const float *BC;         /* [n_token, 2 * d_state]: B, then C */
    const float *D;          /* [d_inner] */
    const float *z;          /* [n_token, d_inner] */
    float *const *ssm_state; /* [n_sequence] of [d_state, d_inner] */
    float *y;                /* [n_token, d_inner]; may be z or u */
};

/* Channels channel .. channel + n_channel of every sequence. */
void dm_selective_scan_reference(const struct dm_selective_scan *op, size_t channel,
                                 size_t n_channel);

#endif
