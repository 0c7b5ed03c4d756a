#include "ops/adamw/adamw.h"

#include <tgmath.h>

struct dm_adamw_factors dm_adamw_factors(const struct dm_adamw *op) {
    double correction1 = 1 - pow(op->beta1, (double)op->step);
    double correction2 = 1 - pow(op->beta2, (double)op->step);
    return (struct dm_adamw_factors){
        .gradient_scale = (dm_real)op->gradient_scale,
        .beta1 = (dm_real)op->beta1,
        .one_less_beta1 = (dm_real)(1 - op->beta1),
        .beta2 = (dm_real)op->beta2,
        .one_less_beta2 = (dm_real)(1 - op->beta2),
        .decay = (dm_real)(1 - op->learning_rate * op->weight_decay),
        .rate = (dm_real)(op->learning_rate / correction1),
        .deviation = (dm_real)(1 / sqrt(correction2)),
        .epsilon = (dm_real)op->epsilon,
    };
}

void dm_adamw_reference(const struct dm_adamw *op, size_t first, size_t n) {
    struct dm_adamw_factors f = dm_adamw_factors(op);
    for (size_t i = first; i < first + n; i++) {
        dm_real g = op->gradient[i] * f.gradient_scale;
        op->m[i] = f.beta1 * op->m[i] + f.one_less_beta1 * g;
        op->v[i] = f.beta2 * op->v[i] + f.one_less_beta2 * g * g;
        op->value[i] =
            f.decay * op->value[i] - f.rate * op->m[i] / (sqrt(op->v[i]) * f.deviation + f.epsilon);
    }
}

double dm_square_sum_reference(const dm_real *x, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)x[i] * x[i];
    return sum;
}
