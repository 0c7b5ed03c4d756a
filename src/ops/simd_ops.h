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
void DM_VARIANT(dm_head_scan)(const struct dm_head_scan *op, size_t head, size_t n_head);
void DM_VARIANT(dm_gated_norm)(const struct dm_gated_norm *op, size_t token, size_t n_token);
void DM_VARIANT(dm_gated_norm_backward)(const struct dm_gated_norm *op,
                                        const struct dm_gated_norm_grad *grad, size_t token,
                                        size_t n_token);
void DM_VARIANT(dm_head_scan_backward)(const struct dm_head_scan *op,
                                       const struct dm_head_scan_grad *grad, size_t head,
                                       size_t n_head);
void DM_VARIANT(dm_selective_scan_backward)(const struct dm_selective_scan *op,
                                            const struct dm_selective_scan_grad *grad,
                                            size_t channel, size_t n_channel);

void DM_VARIANT(dm_rms_norm_backward)(const struct dm_rms_norm *op,
                                      const struct dm_rms_norm_grad *grad, size_t token,
                                      size_t n_token);
void DM_VARIANT(dm_rms_norm_weight_backward)(const struct dm_rms_norm *op,
                                             const struct dm_rms_norm_grad *grad, size_t n_token,
                                             size_t channel, size_t n_channel);
void DM_VARIANT(dm_softplus_backward)(const struct dm_softplus *op,
                                      const struct dm_softplus_grad *grad, size_t n_token,
                                      size_t channel, size_t n_channel);
double DM_VARIANT(dm_cross_entropy_backward)(float *logits, size_t vocab_size, int32_t id,
                                             float scale);
void DM_VARIANT(dm_causal_conv1d_backward)(const struct dm_causal_conv1d *op,
                                           const struct dm_causal_conv1d_grad *grad, size_t channel,
                                           size_t n_channel);
void DM_VARIANT(dm_adamw)(const struct dm_adamw *op, size_t first, size_t n);
double DM_VARIANT(dm_square_sum)(const float *x, size_t n);

void DM_VARIANT(dm_bf16_from_floats)(const float *x, size_t n, uint16_t *y);
void DM_VARIANT(dm_bf16_pairs)(const float *a, const float *b, size_t n, uint32_t *y);
float DM_VARIANT(dm_bytes_from_floats)(const float *x, size_t n, uint8_t *y);
void DM_VARIANT(dm_transpose)(const void *x, size_t x_step, size_t n_row, size_t n_column, void *y,
                              size_t y_step);

/* How many of the `left` elements the next vector takes. */
static inline size_t dm_simd_lanes(size_t left) {
    return left < VF_LANES ? left : VF_LANES;
}

#endif
