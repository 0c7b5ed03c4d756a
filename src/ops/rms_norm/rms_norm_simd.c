#include <math.h>

#include "ops/simd_ops.h"

static double sum_of_squares(const float *x, size_t width) {
    vd sum = vd_zero();
    for (size_t i = 0, n; i < width; i += n) {
        n = dm_simd_lanes(width - i);
        vd wide = vd_widen(vf_load(x + i, n));
        sum = vd_fma(wide, wide, sum);
    }
    return vd_sum(sum);
}

void DM_VARIANT(dm_rms_norm)(const struct dm_rms_norm *op, size_t token, size_t n_token) {
    for (size_t t = token; t < token + n_token; t++) {
        const float *x = op->x + t * op->stride;
        float *y = op->y + t * op->stride;
        double mean = sum_of_squares(x, op->width) / (double)op->width;
        vf rstd = vf_set1((float)(1 / sqrt(mean + op->epsilon)));
        for (size_t i = 0, n; i < op->width; i += n) {
            n = dm_simd_lanes(op->width - i);
            vf scaled = vf_mul(vf_load(x + i, n), rstd);
            vf_store(y + i, n, op->weight ? vf_mul(scaled, vf_load(op->weight + i, n)) : scaled);
        }
    }
}
