#include "ops/softplus/softplus.h"

#include <tgmath.h>

void dm_softplus_reference(const struct dm_softplus *op, size_t token, size_t n_token) {
    for (size_t t = token; t < token + n_token; t++) {
        dm_real *delta = op->delta + t * op->width;
        for (size_t i = 0; i < op->width; i++) {
            dm_real v = delta[i] + op->bias[i];
            delta[i] = v > 20 ? v : log1p(exp(v));
        }
    }
}

void dm_softplus_backward_reference(const struct dm_softplus *op,
                                    const struct dm_softplus_grad *grad, size_t n_token,
                                    size_t channel, size_t n_channel) {
    for (size_t t = 0; t < n_token; t++)
        for (size_t i = channel; i < channel + n_channel; i++) {
            size_t at = t * op->width + i;
            grad->ddelta[at] *= -expm1(-op->delta[at]);
            grad->dbias[i] += grad->ddelta[at];
        }
}
