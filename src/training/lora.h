/* Low-rank adaptation: W + scale * B A for the matrices that a kind of layers names (in_proj and
 * out_proj), A [rank, n_in], B [n_out, rank].
 * Products run on the merged weight, so what is learned is exactly what a merged model computes;
 * the gradients of A and B are made from that of W once a step.
 * Source: Hu et al. 2021, section 4.1. */
#ifndef DM_TRAINING_LORA_H
#define DM_TRAINING_LORA_H

#include "base/random.h"
#include "training/tensors.h"

/* W + scale * B A instead of in_proj and out_proj; rank 0: not. */
struct dm_lora {
    size_t rank;
    dm_real scale; /* alpha / rank */
};

/* A rank of more than the smaller side of an adapted matrix, or without any, is
 * DM_ERROR_ARGUMENT. */
dm_status dm_lora_check_rank(const struct dm_tensors *tensors, size_t rank, dm_error *error);
/* Adds A (normal, variance 1 / n_in) and B (0) for each of them, layer by layer, to be trained, and
 * freezes everything else. */
dm_status dm_lora_add(struct dm_tensors *tensors, size_t rank, struct dm_random *random,
                      dm_error *error);
/* Is this one of the model's own tensors, and adapted? */
bool dm_lora_has(const struct dm_lora *lora, const struct dm_tensor *tensor);
/* merged [n_out, n_in] = W + scale * B A. */
void dm_lora_merge(const struct dm_lora *lora, const struct dm_tensors *tensors,
                   const struct dm_tensor *weight, dm_real *merged);
/* Adds what A and B get from W's gradient, which becomes 0. */
void dm_lora_collect(const struct dm_lora *lora, const struct dm_tensors *tensors);

#endif
