#include "ops/rms_norm/rms_norm.h"

#include <tgmath.h>

void dm_rms_norm_reference(const struct dm_rms_norm *op, size_t token, size_t n_token) {
    for (size_t t = token; t < token + n_token; t++) {
        const dm_real *x = op->x + t * op->stride;
        dm_real *y = op->y + t * op->stride;
        double sum = 0;
        for (size_t i = 0; i < op->width; i++)
            sum += (double)x[i] * x[i];
        dm_real rstd = (dm_real)(1 / sqrt(sum / (double)op->width + op->epsilon));
        for (size_t i = 0; i < op->width; i++)
            y[i] = x[i] * rstd * (op->weight ? op->weight[i] : 1);
    }
}

void dm_rms_norm_backward_reference(const struct dm_rms_norm *op,
                                    const struct dm_rms_norm_grad *grad, size_t token,
                                    size_t n_token) {
    for (size_t t = token; t < token + n_token; t++) {
        const dm_real *x = op->x + t * op->stride, *dy = grad->dy + t * op->stride;
        dm_real *dx = grad->dx + t * op->stride;
        double square = 0, product = 0;
        for (size_t i = 0; i < op->width; i++) {
            square += (double)x[i] * x[i];
            product += (double)dy[i] * (op->weight ? op->weight[i] : 1) * x[i];
        }
        double rstd = 1 / sqrt(square / (double)op->width + op->epsilon);
        dm_real scale = (dm_real)rstd, mean = (dm_real)(product * rstd / (double)op->width);
        for (size_t i = 0; i < op->width; i++) {
            dm_real g = dy[i] * (op->weight ? op->weight[i] : 1);
            dx[i] += (g - x[i] * scale * mean) * scale;
        }
        grad->rstd[t] = scale;
    }
}

void dm_rms_norm_weight_backward_reference(const struct dm_rms_norm *op,
                                           const struct dm_rms_norm_grad *grad, size_t n_token,
                                           size_t channel, size_t n_channel) {
    for (size_t t = 0; t < n_token; t++)
        for (size_t i = channel; i < channel + n_channel; i++)
            grad->dweight[i] +=
                grad->dy[t * op->stride + i] * (op->x[t * op->stride + i] * grad->rstd[t]);
}
