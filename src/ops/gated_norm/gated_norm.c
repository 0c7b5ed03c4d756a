#include "ops/gated_norm/gated_norm.h"

#include <tgmath.h>

static dm_real silu(dm_real z) {
    return z / (1 + exp(-z));
}

static dm_real silu_slope(dm_real z) {
    dm_real sigmoid = 1 / (1 + exp(-z));
    return sigmoid * (1 + z * (1 - sigmoid));
}

/* ---- Forward ---- */

static void gate_group(const struct dm_gated_norm *op, size_t t, size_t first, size_t width) {
    const dm_real *x = op->x + t * op->x_step, *z = op->z + t * op->z_step;
    dm_real *y = op->y + t * op->y_step;
    double square = 0;
    for (size_t i = first; i < first + width; i++) {
        y[i] = x[i] * silu(z[i]);
        dm_real v = op->norm_first ? x[i] : y[i];
        square += (double)v * v;
    }
    dm_real r = (dm_real)(1 / sqrt(square / (double)width + op->epsilon));
    for (size_t i = first; i < first + width && op->weight; i++)
        y[i] = y[i] * r * op->weight[i];
}

void dm_gated_norm_reference(const struct dm_gated_norm *op, size_t token, size_t n_token) {
    size_t width = op->width / op->n_group;
    for (size_t t = token; t < token + n_token; t++)
        for (size_t first = 0; first < op->width; first += width)
            gate_group(op, t, first, width);
}

/* ---- Backward ---- */

static void group_backward(const struct dm_gated_norm *op, const struct dm_gated_norm_grad *grad,
                           size_t t, size_t group) {
    size_t width = op->width / op->n_group, first = group * width;
    const dm_real *x = op->x + t * op->x_step, *z = op->z + t * op->z_step;
    const dm_real *dy = grad->dy + t * op->y_step;
    dm_real *dx = grad->dx + t * op->x_step, *dz = grad->dz + t * op->z_step;
    dm_real r = 1, back = 0; /* back: what v is multiplied by */
    if (op->weight) {
        double square = 0, product = 0;
        for (size_t i = first; i < first + width; i++) {
            dm_real p = x[i] * silu(z[i]), v = op->norm_first ? x[i] : p;
            square += (double)v * v;
            product += (double)dy[i] * op->weight[i] * p;
        }
        double rstd = 1 / sqrt(square / (double)width + op->epsilon);
        r = grad->rstd[t * op->n_group + group] = (dm_real)rstd;
        back = (dm_real)(product * rstd * rstd * rstd / (double)width);
    }
    for (size_t i = first; i < first + width; i++) {
        dm_real gate = silu(z[i]), dp = dy[i] * (op->weight ? op->weight[i] * r : 1);
        if (!op->norm_first)
            dp -= x[i] * gate * back;
        dz[i] = dp * x[i] * silu_slope(z[i]);
        dx[i] = dp * gate - (op->norm_first ? x[i] * back : 0);
    }
}

void dm_gated_norm_backward_reference(const struct dm_gated_norm *op,
                                      const struct dm_gated_norm_grad *grad, size_t token,
                                      size_t n_token) {
    for (size_t t = token; t < token + n_token; t++)
        for (size_t group = 0; group < op->n_group; group++)
            group_backward(op, grad, t, group);
}

void dm_gated_norm_weight_backward_reference(const struct dm_gated_norm *op,
                                             const struct dm_gated_norm_grad *grad, size_t n_token,
                                             size_t channel, size_t n_channel) {
    size_t width = op->width / op->n_group;
    for (size_t t = 0; t < n_token; t++)
        for (size_t i = channel; i < channel + n_channel; i++)
            grad->dweight[i] += grad->dy[t * op->y_step + i] *
                                (op->x[t * op->x_step + i] * silu(op->z[t * op->z_step + i]) *
                                 grad->rstd[t * op->n_group + i / width]);
}
