#include "ops/adamw/adamw.h"

#include <tgmath.h>

void dm_adamw_reference(const struct dm_adamw *op, size_t first, size_t n) {
    dm_real beta1 = (dm_real)op->beta1, beta2 = (dm_real)op->beta2;
    dm_real decay = (dm_real)(1 - op->learning_rate * op->weight_decay);
    double correction1 = 1 - pow(op->beta1, (double)op->step);
    double correction2 = 1 - pow(op->beta2, (double)op->step);
    dm_real rate = (dm_real)(op->learning_rate / correction1);
    dm_real deviation = (dm_real)(1 / sqrt(correction2));
    for (size_t i = first; i < first + n; i++) {
        dm_real g = op->gradient[i] * (dm_real)op->gradient_scale;
        op->m[i] = beta1 * op->m[i] + (1 - beta1) * g;
        op->v[i] = beta2 * op->v[i] + (1 - beta2) * g * g;
        op->value[i] = decay * op->value[i] -
                       rate * op->m[i] / (sqrt(op->v[i]) * deviation + (dm_real)op->epsilon);
    }
}

double dm_square_sum_reference(const dm_real *x, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)x[i] * x[i];
    return sum;
}
