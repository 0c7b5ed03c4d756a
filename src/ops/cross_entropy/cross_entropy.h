/* nll = log(sum_v exp(logits[v])) - logits[id], in nats, summed in double. The variants take the
 * exponentials in float32: within 2e-7 of the sum, hence within 2e-7 absolute of the result. */
#ifndef DM_OPS_CROSS_ENTROPY_H
#define DM_OPS_CROSS_ENTROPY_H

#include <stddef.h>
#include <stdint.h>

#include "ops/real.h"

double dm_cross_entropy_reference(const dm_real *logits, size_t vocab_size, int32_t id);

/* logits[v] becomes its own gradient, scale * (softmax(logits)[v] - (v == id)); returns the nll, as
 * the function above does. The variants' probabilities are within 3e-7 of themselves, and 6e-8 more
 * for every nat below the largest. */
double dm_cross_entropy_backward_reference(dm_real *logits, size_t vocab_size, int32_t id,
                                           dm_real scale);

#endif
