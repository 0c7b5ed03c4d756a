/* nll = log(sum_v exp(logits[v])) - logits[id], in nats, summed in double. */
#ifndef DM_OPS_CROSS_ENTROPY_H
#define DM_OPS_CROSS_ENTROPY_H

#include <stddef.h>
#include <stdint.h>

double dm_cross_entropy(const float *logits, size_t vocab_size, int32_t id);

#endif
