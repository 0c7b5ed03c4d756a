#include <math.h>

#include "ops/simd_math.h"
#include "ops/simd_ops.h"

static void gate_group(const struct dm_gated_norm *op, size_t t, size_t first, size_t width) {
    const float *x = op->x + t * op->x_step + first, *z = op->z + t * op->z_step + first;
    float *y = op->y + t * op->y_step + first;
    vd square = vd_zero();
    for (size_t i = 0, n; i < width; i += n) {
        n = dm_simd_lanes(width - i);
        vf of_x = vf_load(x + i, n), p = vf_mul(of_x, vf_silu(vf_load(z + i, n)));
        vd wide = vd_widen(op->norm_first ? of_x : p);
        square = vd_fma(wide, wide, square);
        vf_store(y + i, n, p);
    }
    if (!op->weight)
        return;
    vf r = vf_set1((float)(1 / sqrt(vd_sum(square) / (double)width + op->epsilon)));
    for (size_t i = 0, n; i < width; i += n) {
        n = dm_simd_lanes(width - i);
        vf weight = vf_load(op->weight + first + i, n);
        vf_store(y + i, n, vf_mul(vf_mul(vf_load(y + i, n), r), weight));
    }
}

void DM_VARIANT(dm_gated_norm)(const struct dm_gated_norm *op, size_t token, size_t n_token) {
    size_t width = op->width / op->n_group;
    for (size_t t = token; t < token + n_token; t++)
        for (size_t first = 0; first < op->width; first += width)
            gate_group(op, t, first, width);
}

/* ---- Backward ---- */

static vf weight_at(const struct dm_gated_norm *op, size_t i, size_t n) {
    return op->weight ? vf_load(op->weight + i, n) : vf_set1(1);
}

/* r, and what v is multiplied by. */
struct slope {
    float r, back;
};
static struct slope measure(const struct dm_gated_norm *op, const float *x, const float *z,
                            const float *dy, size_t first, size_t width) {
    vd square = vd_zero(), product = vd_zero();
    if (!op->weight)
        return (struct slope){1, 0};
    for (size_t i = first, n; i < first + width; i += n) {
        n = dm_simd_lanes(first + width - i);
        vf of_x = vf_load(x + i, n), p = vf_mul(of_x, vf_silu(vf_load(z + i, n)));
        vd v = vd_widen(op->norm_first ? of_x : p);
        square = vd_fma(v, v, square);
        product =
            vd_fma(vd_widen(vf_mul(vf_load(dy + i, n), weight_at(op, i, n))), vd_widen(p), product);
    }
    double rstd = 1 / sqrt(vd_sum(square) / (double)width + op->epsilon);
    return (struct slope){(float)rstd,
                          (float)(vd_sum(product) * rstd * rstd * rstd / (double)width)};
}

static void group_backward(const struct dm_gated_norm *op, const struct dm_gated_norm_grad *grad,
                           size_t t, size_t group) {
    size_t width = op->width / op->n_group, first = group * width;
    const float *x = op->x + t * op->x_step, *z = op->z + t * op->z_step;
    const float *dy = grad->dy + t * op->y_step;
    float *dx = grad->dx + t * op->x_step, *dz = grad->dz + t * op->z_step;
    const struct slope slope = measure(op, x, z, dy, first, width);
    vf r = vf_set1(slope.r), minus_back = vf_set1(-slope.back);
    for (size_t i = first, n; i < first + width; i += n) {
        n = dm_simd_lanes(first + width - i);
        vf of_x = vf_load(x + i, n), of_z = vf_load(z + i, n), gate = vf_silu(of_z);
        vf dp = vf_mul(vf_load(dy + i, n), vf_mul(weight_at(op, i, n), r));
        if (!op->norm_first)
            dp = vf_fma(vf_mul(of_x, gate), minus_back, dp);
        vf_store(dz + i, n, vf_mul(vf_mul(dp, of_x), vf_silu_slope(of_z)));
        vf through = vf_mul(dp, gate);
        vf_store(dx + i, n, op->norm_first ? vf_fma(of_x, minus_back, through) : through);
    }
    if (op->weight)
        grad->rstd[t * op->n_group + group] = slope.r;
}

void DM_VARIANT(dm_gated_norm_backward)(const struct dm_gated_norm *op,
                                        const struct dm_gated_norm_grad *grad, size_t token,
                                        size_t n_token) {
    for (size_t t = token; t < token + n_token; t++)
        for (size_t group = 0; group < op->n_group; group++)
            group_backward(op, grad, t, group);
}
