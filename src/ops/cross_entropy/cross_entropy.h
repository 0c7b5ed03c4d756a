/* nll = log(sum_v exp(logits[v])) - logits[id], in nats, summed in double. The variants take the
 * exponentials in float32: within 2e-7 of the sum, hence within 2e-7 absolute of the result. */
#ifndef DM_OPS_CROSS_ENTROPY_H
#define DM_OPS_CROSS_ENTROPY_H

#include <stddef.h>
#include <stdint.h>

double dm_cross_entropy_reference(const float *logits, size_t vocab_size, int32_t id);

#endif
