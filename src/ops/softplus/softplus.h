/* delta[t,i] = softplus(delta[t,i] + bias[i]),   softplus(v) = log(1 + exp(v)), v itself beyond 20
 * Turns dt_proj's output into the step Delta, in place. The vector variants stay within 4 ulp of
 * the true value, however small the step.
 * Source: Gu & Dao 2023, Algorithm 2; torch.nn.functional.softplus (threshold 20). */
#ifndef DM_OPS_SOFTPLUS_H
#define DM_OPS_SOFTPLUS_H

#include <stddef.h>

#include "ops/real.h"

struct dm_softplus {
    size_t width;
    const dm_real *bias; /* [width] */
    dm_real *delta;      /* [n_token, width] */
};

void dm_softplus_reference(const struct dm_softplus *op, size_t token, size_t n_token);

/* dv[t,i] = ddelta[t,i] * (1 - exp(-delta[t,i])), the derivative being sigmoid(v);
 * dbias[i] += sum_t dv[t,i]. `op->delta` is the step, as the forward pass left it. */
struct dm_softplus_grad {
    dm_real *ddelta; /* [n_token, width]: becomes dv, the gradient of dt_proj's output, in place */
    dm_real *dbias;  /* [width], accumulates */
};

/* Of a range of channels, over tokens 0 .. n_token - 1, in order. */
void dm_softplus_backward_reference(const struct dm_softplus *op,
                                    const struct dm_softplus_grad *grad, size_t n_token,
                                    size_t channel, size_t n_channel);

#endif
