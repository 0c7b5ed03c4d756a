#include "ops/ops.h"

void dm_reference_ops(struct dm_ops *ops) {
    *ops = (struct dm_ops){
        .cpu = "reference",
        .rms_norm = dm_rms_norm_reference,
        .softplus = dm_softplus_reference,
        .token_score = dm_token_score_reference,
        .cross_entropy = dm_cross_entropy_reference,
        .causal_conv1d = dm_causal_conv1d_reference,
        .selective_scan = dm_selective_scan_reference,
        .head_scan = dm_head_scan_reference,
        .gated_norm = dm_gated_norm_reference,
        .rms_norm_backward = dm_rms_norm_backward_reference,
        .rms_norm_weight_backward = dm_rms_norm_weight_backward_reference,
        .softplus_backward = dm_softplus_backward_reference,
        .cross_entropy_backward = dm_cross_entropy_backward_reference,
        .causal_conv1d_backward = dm_causal_conv1d_backward_reference,
        .selective_scan_backward = dm_selective_scan_backward_reference,
        .head_scan_backward = dm_head_scan_backward_reference,
        .gated_norm_backward = dm_gated_norm_backward_reference,
        .gated_norm_weight_backward = dm_gated_norm_weight_backward_reference,
        .adamw = dm_adamw_reference,
        .square_sum = dm_square_sum_reference,
        .convert = {dm_bf16_from_floats_reference, dm_bf16_pairs_reference,
                    dm_bytes_from_floats_reference, dm_transpose_reference},
        .matmul = dm_matmul_reference,
    };
}
