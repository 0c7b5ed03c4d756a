#include "ops/simd_math.h"
#include "ops/simd_ops.h"

void DM_VARIANT(dm_softplus)(const struct dm_softplus *op, size_t token, size_t n_token) {
    for (size_t t = token; t < token + n_token; t++) {
        float *delta = op->delta + t * op->width;
        for (size_t i = 0, n; i < op->width; i += n) {
            n = dm_simd_lanes(op->width - i);
            vf_store(delta + i, n,
                     vf_softplus(vf_add(vf_load(delta + i, n), vf_load(op->bias + i, n))));
        }
    }
}
