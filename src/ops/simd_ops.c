#include "ops/simd_ops.h"

void DM_VARIANT(dm_ops)(struct dm_ops *ops) {
    ops->cpu = DM_SIMD_NAME;
    ops->rms_norm = DM_VARIANT(dm_rms_norm);
    ops->softplus = DM_VARIANT(dm_softplus);
    ops->token_score = DM_VARIANT(dm_token_score);
    ops->cross_entropy = DM_VARIANT(dm_cross_entropy);
    ops->causal_conv1d = DM_VARIANT(dm_causal_conv1d);
    ops->selective_scan = DM_VARIANT(dm_selective_scan);
}
