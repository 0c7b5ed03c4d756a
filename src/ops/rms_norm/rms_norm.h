/* y[t,i] = x[t,i] * rstd[t] * weight[i],   rstd[t] = 1 / sqrt(mean_i x[t,i]^2 + epsilon)
 * Source: Zhang & Sennrich 2019, eq. 4. May run in place (y == x). */
#ifndef DM_OPS_RMS_NORM_H
#define DM_OPS_RMS_NORM_H

#include <stddef.h>

struct dm_rms_norm {
    size_t width;
    size_t stride; /* floats from one row to the next, of x and of y */
    float epsilon;
    const float *x;      /* [n_token, width] */
    const float *weight; /* [width]; NULL: 1 */
    float *y;            /* [n_token, width] */
};

void dm_rms_norm_reference(const struct dm_rms_norm *op, size_t token, size_t n_token);

#endif
