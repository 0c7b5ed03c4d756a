#include "ops/cross_entropy/cross_entropy.h"

#include <tgmath.h>

double dm_cross_entropy_reference(const dm_real *logits, size_t vocab_size, int32_t id) {
    dm_real most = logits[0];
    for (size_t v = 1; v < vocab_size; v++)
        most = logits[v] > most ? logits[v] : most;
    double sum = 0;
    for (size_t v = 0; v < vocab_size; v++)
        sum += exp((double)logits[v] - most);
    return log(sum) + ((double)most - logits[id]); /* the large ones first: they may cancel */
}

double dm_cross_entropy_backward_reference(dm_real *logits, size_t vocab_size, int32_t id,
                                           dm_real scale) {
    double nll = dm_cross_entropy_reference(logits, vocab_size, id);
    double log_sum = nll + logits[id];
    for (size_t v = 0; v < vocab_size; v++)
        logits[v] = scale * (dm_real)exp((double)logits[v] - log_sum);
    logits[id] -= scale;
    return nll;
}
