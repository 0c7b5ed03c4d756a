/* Convolution and scan, described once for the forward pass (whole or by slices) and the backward
 * pass. */
#include "layers/mamba/mamba.h"

struct dm_causal_conv1d dm_mamba_conv(const struct dm_batch *batch, size_t layer,
                                      struct dm_channel_view x) {
    const struct mamba_weights *w = mamba_weights_of(batch, layer);
    const size_t *size = mamba_sizes_of(batch, layer);
    return (struct dm_causal_conv1d){
        .n_sequence = batch->n_sequence,
        .d_inner = size[D_INNER],
        .d_conv = size[D_CONV],
        .start = batch->at->start,
        .x = x,
        .weight = w->conv_weight,
        .bias = w->conv_bias,
        .conv_state = batch->at->state[CONV_STATE],
        .y = batch->at->layer[U],
    };
}

struct dm_selective_scan dm_mamba_scan(const struct dm_batch *batch, size_t layer,
                                       struct dm_channel_view delta, struct dm_channel_view z) {
    const struct mamba_weights *w = mamba_weights_of(batch, layer);
    const size_t *size = mamba_sizes_of(batch, layer);
    dm_real *const *buffers = batch->at->layer;
    return (struct dm_selective_scan){
        .n_sequence = batch->n_sequence,
        .d_inner = size[D_INNER],
        .d_state = size[D_STATE],
        .start = batch->at->start,
        .u = buffers[U],
        .delta = delta,
        .A = w->A,
        .BC = buffers[BC],
        .D = w->D,
        .z = z,
        .ssm_state = batch->at->state[SSM_STATE],
        .y = buffers[Y],
        .checkpoints = buffers[CHECKPOINTS],
    };
}
