/* y[t,i] = x[t,i] * rstd[t] * weight[i],   rstd[t] = 1 / sqrt(mean_i x[t,i]^2 + epsilon)
 * Source: Zhang & Sennrich 2019, eq. 4. May run in place (y == x). */
#ifndef DM_OPS_RMS_NORM_H
#define DM_OPS_RMS_NORM_H

#include <stddef.h>

#include "ops/real.h"

struct dm_rms_norm {
    size_t width;
    size_t stride; /* floats from one row to the next, of x and of y */
    dm_real epsilon;
    const dm_real *x;      /* [n_token, width] */
    const dm_real *weight; /* [width]; NULL: 1 */
    dm_real *y;            /* [n_token, width] */
};

void dm_rms_norm_reference(const struct dm_rms_norm *op, size_t token, size_t n_token);

/* dx[t,i] += rstd[t] * (g[i] - x[t,i] * rstd[t] * mean_j(g[j] * x[t,j] * rstd[t])),
 * g[i] = weight[i] * dy[t,i];   dweight[i] += sum_t dy[t,i] * x[t,i] * rstd[t].
 * `x` must be as it was before the forward pass, which hence did not run in place. */
struct dm_rms_norm_grad {
    const dm_real *dy; /* [n_token, width], rows `stride` apart, as those of dx */
    dm_real *dx;       /* [n_token, width], accumulates; not dy */
    dm_real *rstd;     /* [n_token], written by the first pass, read by the second */
    dm_real *dweight;  /* [width], accumulates */
};

/* dx and rstd of a range of tokens. */
void dm_rms_norm_backward_reference(const struct dm_rms_norm *op,
                                    const struct dm_rms_norm_grad *grad, size_t token,
                                    size_t n_token);
/* dweight of a range of channels, over tokens 0 .. n_token - 1, in order. */
void dm_rms_norm_weight_backward_reference(const struct dm_rms_norm *op,
                                           const struct dm_rms_norm_grad *grad, size_t n_token,
                                           size_t channel, size_t n_channel);

#endif
