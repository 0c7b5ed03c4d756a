/* AdamW, element by element, g being gradient[i] * gradient_scale:
 *     value *= 1 - learning_rate * weight_decay
 *     m = beta1 * m + (1 - beta1) * g;   v = beta2 * v + (1 - beta2) * g^2
 *     value -= learning_rate * (m / (1 - beta1^step)) / (sqrt(v / (1 - beta2^step)) + epsilon)
 * Source: Loshchilov & Hutter 2019, Algorithm 2; torch.optim.AdamW. */
#ifndef DM_OPS_ADAMW_H
#define DM_OPS_ADAMW_H

#include "ops/real.h"

struct dm_adamw {
    double learning_rate, beta1, beta2, epsilon, weight_decay, gradient_scale;
    size_t step; /* counts from 1 */
    const dm_real *gradient;
    dm_real *value, *m, *v;
};

/* Elements first .. first + n. */
void dm_adamw_reference(const struct dm_adamw *op, size_t first, size_t n);

/* sum_i x[i]^2, in double. */
double dm_square_sum_reference(const dm_real *x, size_t n);

/* What is the same for every element, rounded once:
 *     value = decay * value - rate * m / (sqrt(v) * deviation + epsilon) */
struct dm_adamw_factors {
    dm_real gradient_scale, beta1, one_less_beta1, beta2, one_less_beta2;
    dm_real decay, rate, deviation, epsilon;
};
struct dm_adamw_factors dm_adamw_factors(const struct dm_adamw *op);

#endif
