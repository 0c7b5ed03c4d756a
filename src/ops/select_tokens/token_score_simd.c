#include <math.h>

#include "ops/simd_ops.h"

void DM_VARIANT(dm_token_score)(const struct dm_token_score *op, size_t token, size_t n_token) {
    size_t n_channel = op->channels ? op->n_channel : op->width;
    for (size_t t = token; t < token + n_token; t++) {
        const float *values = op->values + t * op->width;
        vd total = vd_zero();
        for (size_t i = 0, n; i < n_channel; i += n) {
            n = dm_simd_lanes(n_channel - i);
            vd wide = vd_widen(op->channels ? vf_gather(values, op->channels + i, n)
                                            : vf_load(values + i, n));
            total = op->squared ? vd_fma(wide, wide, total) : vd_add(total, wide);
        }
        double sum = vd_sum(total);
        op->score[t] = (float)(op->squared ? sqrt(sum) : sum / (double)n_channel);
    }
}
