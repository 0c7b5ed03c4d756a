/* The operations along a sequence, as forward and backward pass, whole or by slices, call them. */
#include "layers/mamba/mamba.h"

struct dm_causal_conv1d dm_mamba_conv(const struct dm_batch *batch, size_t layer,
                                      struct dm_strip x) {
    const struct mamba_weights *own = mamba_weights_of(batch, layer);
    const size_t *size = mamba_sizes_of(batch, layer);
    return (struct dm_causal_conv1d){
        .n_sequence = batch->n_sequence,
        .d_inner = size[D_INNER],
        .d_conv = size[D_CONV],
        .start = batch->at->start,
        .x = x,
        .weight = own->conv_weight,
        .bias = own->conv_bias,
        .conv_state = batch->at->state[CONV_STATE],
        .y = batch->at->own[U],
    };
}

struct dm_selective_scan dm_mamba_scan(const struct dm_batch *batch, size_t layer,
                                       struct dm_strip delta, struct dm_strip z) {
    const struct mamba_weights *own = mamba_weights_of(batch, layer);
    const size_t *size = mamba_sizes_of(batch, layer);
    dm_real *const *buffers = batch->at->own;
    return (struct dm_selective_scan){
        .n_sequence = batch->n_sequence,
        .d_inner = size[D_INNER],
        .d_state = size[D_STATE],
        .start = batch->at->start,
        .u = buffers[U],
        .delta = delta,
        .A = own->A,
        .BC = buffers[BC],
        .D = own->D,
        .z = z,
        .ssm_state = batch->at->state[SSM_STATE],
        .y = buffers[Y],
        .checkpoints = buffers[CHECKPOINTS],
    };
}
