/* delta[t,i] = softplus(delta[t,i] + bias[i]),   softplus(v) = log(1 + exp(v)), v itself beyond 20
 * Turns dt_proj's output into the step Delta, in place. The vector variants stay within 4 ulp of
 * the true value, however small the step.
 * Source: Gu & Dao 2023, Algorithm 2; torch.nn.functional.softplus (threshold 20). */
#ifndef DM_OPS_SOFTPLUS_H
#define DM_OPS_SOFTPLUS_H

#include <stddef.h>

struct dm_softplus {
    size_t width;
    const float *bias; /* [width] */
    float *delta;      /* [n_token, width] */
};

void dm_softplus_reference(const struct dm_softplus *op, size_t token, size_t n_token);

#endif
