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

/* weight * dy, n lanes from channel i. */
static vf weighted(const struct dm_rms_norm *op, const float *dy, size_t i, size_t n) {
    vf g = vf_load(dy + i, n);
    return op->weight ? vf_mul(g, vf_load(op->weight + i, n)) : g;
}

static void row_backward(const struct dm_rms_norm *op, const struct dm_rms_norm_grad *grad,
                         size_t t) {
    const float *x = op->x + t * op->stride, *dy = grad->dy + t * op->stride;
    float *dx = grad->dx + t * op->stride;
    vd square = vd_zero(), product = vd_zero();
    for (size_t i = 0, n; i < op->width; i += n) {
        n = dm_simd_lanes(op->width - i);
        vd wide = vd_widen(vf_load(x + i, n));
        square = vd_fma(wide, wide, square);
        product = vd_fma(vd_widen(weighted(op, dy, i, n)), wide, product);
    }
    double rstd = 1 / sqrt(vd_sum(square) / (double)op->width + op->epsilon);
    vf scale = vf_set1((float)rstd);
    vf minus_mean = vf_set1((float)(-vd_sum(product) * rstd / (double)op->width));
    for (size_t i = 0, n; i < op->width; i += n) {
        n = dm_simd_lanes(op->width - i);
        vf scaled = vf_mul(vf_load(x + i, n), scale);
        vf rest = vf_fma(scaled, minus_mean, weighted(op, dy, i, n));
        vf_store(dx + i, n, vf_fma(rest, scale, vf_load(dx + i, n)));
    }
    grad->rstd[t] = (float)rstd;
}

void DM_VARIANT(dm_rms_norm_backward)(const struct dm_rms_norm *op,
                                      const struct dm_rms_norm_grad *grad, size_t token,
                                      size_t n_token) {
    for (size_t t = token; t < token + n_token; t++)
        row_backward(op, grad, t);
}

/* The terms of RUN tokens are summed before they join the gradient. */
enum { RUN = 8 };

void DM_VARIANT(dm_rms_norm_weight_backward)(const struct dm_rms_norm *op,
                                             const struct dm_rms_norm_grad *grad, size_t n_token,
                                             size_t channel, size_t n_channel) {
    for (size_t begin = 0, end; begin < n_token; begin = end) {
        end = n_token - begin < RUN ? n_token : begin + RUN;
        for (size_t i = channel, n; i < channel + n_channel; i += n) {
            n = dm_simd_lanes(channel + n_channel - i);
            vf sum = vf_set1(0);
            for (size_t t = begin, at; t < end; t++) {
                at = t * op->stride + i;
                vf scaled = vf_mul(vf_load(op->x + at, n), vf_set1(grad->rstd[t]));
                sum = vf_fma(vf_load(grad->dy + at, n), scaled, sum);
            }
            vf_store(grad->dweight + i, n, vf_add(vf_load(grad->dweight + i, n), sum));
        }
    }
}
