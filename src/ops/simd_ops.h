/* The vector variants of the operations, named after the instruction set. */
#ifndef DM_OPS_SIMD_OPS_H
#define DM_OPS_SIMD_OPS_H

#include "ops/ops.h"
#include "ops/simd.h"

void DM_VARIANT(dm_rms_norm)(const struct dm_rms_norm *op, size_t token, size_t n_token);
void DM_VARIANT(dm_softplus)(const struct dm_softplus *op, size_t token, size_t n_token);
void DM_VARIANT(dm_token_score)(const struct dm_token_score *op, size_t token, size_t n_token);
double DM_VARIANT(dm_cross_entropy)(const float *logits, size_t vocab_size, int32_t id);
void DM_VARIANT(dm_causal_conv1d)(const struct dm_causal_conv1d *op, size_t channel,
                                  size_t n_channel);
void DM_VARIANT(dm_selective_scan)(const struct dm_selective_scan *op, size_t channel,
                                   size_t n_channel);

/* How many of the `left` elements the next vector takes. */
static inline size_t dm_simd_lanes(size_t left) {
    return left < VF_LANES ? left : VF_LANES;
}

#endif
