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

/* The terms of RUN tokens are summed before they join the gradient. */
enum { RUN = 8 };

void DM_VARIANT(dm_softplus_backward)(const struct dm_softplus *op,
                                      const struct dm_softplus_grad *grad, size_t n_token,
                                      size_t channel, size_t n_channel) {
    for (size_t begin = 0, end; begin < n_token; begin = end) {
        end = n_token - begin < RUN ? n_token : begin + RUN;
        for (size_t i = channel, n; i < channel + n_channel; i += n) {
            n = dm_simd_lanes(channel + n_channel - i);
            vf sum = vf_set1(0);
            for (size_t t = begin, at; t < end; t++) {
                at = t * op->width + i;
                vf slope = vf_one_less_exp(vf_load(op->delta + at, n));
                vf dv = vf_mul(vf_load(grad->ddelta + at, n), slope);
                vf_store(grad->ddelta + at, n, dv);
                sum = vf_add(sum, dv);
            }
            vf_store(grad->dbias + i, n, vf_add(vf_load(grad->dbias + i, n), sum));
        }
    }
}
