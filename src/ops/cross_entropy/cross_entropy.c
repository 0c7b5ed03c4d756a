#include "ops/cross_entropy/cross_entropy.h"

#include <tgmath.h>

/* sum_v exp(logits[v] - *most), *most being the largest of them. */
static double sum_exponentials(const dm_real *logits, size_t vocab_size, dm_real *max) {
    double sum = 0;
    *max = logits[0];
    for (size_t v = 1; v < vocab_size; v++)
        *max = logits[v] > *max ? logits[v] : *max;
    for (size_t v = 0; v < vocab_size; v++)
        sum += exp((double)logits[v] - *max);
    return sum;
}

double dm_cross_entropy_reference(const dm_real *logits, size_t vocab_size, int32_t id) {
    dm_real max;
    double sum = sum_exponentials(logits, vocab_size, &max);
    return log(sum) + ((double)max - logits[id]); /* the large ones first: they may cancel */
}

double dm_cross_entropy_backward_reference(dm_real *logits, size_t vocab_size, int32_t id,
                                           dm_real scale) {
    dm_real max;
    double sum = sum_exponentials(logits, vocab_size, &max);
    double nll = log(sum) + ((double)max - logits[id]);
    for (size_t v = 0; v < vocab_size; v++)
        logits[v] = scale * (dm_real)(exp((double)logits[v] - max) / sum);
    logits[id] -= scale;
    return nll;
}
