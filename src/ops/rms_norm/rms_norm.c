#include "ops/rms_norm/rms_norm.h"

#include <math.h>

void dm_rms_norm_reference(const struct dm_rms_norm *op, size_t token, size_t n_token) {
    for (size_t t = token; t < token + n_token; t++) {
        const float *x = op->x + t * op->stride;
        float *y = op->y + t * op->stride;
        double sum = 0;
        for (size_t i = 0; i < op->width; i++)
            sum += (double)x[i] * x[i];
        float rstd = (float)(1 / sqrt(sum / (double)op->width + op->epsilon));
        for (size_t i = 0; i < op->width; i++)
            y[i] = x[i] * rstd * (op->weight ? op->weight[i] : 1);
    }
}
