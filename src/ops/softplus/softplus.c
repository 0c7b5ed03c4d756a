#include "ops/softplus/softplus.h"

#include <math.h>

void dm_softplus_reference(const struct dm_softplus *op, size_t token, size_t n_token) {
    for (size_t t = token; t < token + n_token; t++) {
        float *delta = op->delta + t * op->width;
        for (size_t i = 0; i < op->width; i++) {
            float v = delta[i] + op->bias[i];
            delta[i] = v > 20 ? v : log1pf(expf(v));
        }
    }
}
