#include "ops/simd_ops.h"

void DM_VARIANT(dm_ops)(struct dm_ops *ops) {
    ops->cpu = DM_SIMD_NAME;
    ops->rms_norm = DM_VARIANT(dm_rms_norm);
    ops->softplus = DM_VARIANT(dm_softplus);
    ops->token_score = DM_VARIANT(dm_token_score);
    ops->cross_entropy = DM_VARIANT(dm_cross_entropy);
    ops->causal_conv1d = DM_VARIANT(dm_causal_conv1d);
    ops->selective_scan = DM_VARIANT(dm_selective_scan);
    ops->head_scan = DM_VARIANT(dm_head_scan);
    ops->gated_norm = DM_VARIANT(dm_gated_norm);
    ops->gated_norm_backward = DM_VARIANT(dm_gated_norm_backward);
    ops->head_scan_backward = DM_VARIANT(dm_head_scan_backward);
    ops->rms_norm_backward = DM_VARIANT(dm_rms_norm_backward);
    ops->rms_norm_weight_backward = DM_VARIANT(dm_rms_norm_weight_backward);
    ops->softplus_backward = DM_VARIANT(dm_softplus_backward);
    ops->cross_entropy_backward = DM_VARIANT(dm_cross_entropy_backward);
    ops->causal_conv1d_backward = DM_VARIANT(dm_causal_conv1d_backward);
    ops->selective_scan_backward = DM_VARIANT(dm_selective_scan_backward);
    ops->adamw = DM_VARIANT(dm_adamw);
    ops->square_sum = DM_VARIANT(dm_square_sum);
    ops->convert = (struct dm_convert){.bf16_from_floats = DM_VARIANT(dm_bf16_from_floats),
                                       .bf16_pairs = DM_VARIANT(dm_bf16_pairs),
                                       .bytes_from_floats = DM_VARIANT(dm_bytes_from_floats),
                                       .transpose = DM_VARIANT(dm_transpose)};
}
