#include "ops/cross_entropy/cross_entropy.h"

#include <math.h>

double dm_cross_entropy_reference(const float *logits, size_t vocab_size, int32_t id) {
    float most = logits[0];
    for (size_t v = 1; v < vocab_size; v++)
        most = logits[v] > most ? logits[v] : most;
    double sum = 0;
    for (size_t v = 0; v < vocab_size; v++)
        sum += exp((double)logits[v] - most);
    return log(sum) + ((double)most - logits[id]); /* the large ones first: they may cancel */
}
