/* Convolution and scan, described once for the forward pass (whole or by slices) and the backward
 * pass. */
#include "layers/mamba/mamba.h"
#include "ops/split.h"

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
        .A = dm_adjusted_A(batch, layer, w->A),
        .BC = buffers[BC],
        .D = w->D,
        .z = z,
        .ssm_state = batch->at->state[SSM_STATE],
        .y = buffers[Y],
        .checkpoints = buffers[CHECKPOINTS],
    };
}

/* ---- A state that is changed as it moves on ---- */

/* Calls `run` for runs of tokens of one sequence, each of which ends where the state is to be changed
 * or with the sequence. */
static void run_pieces(const struct dm_batch *batch, size_t layer,
                       const struct dm_selective_scan *scan, size_t first, size_t n,
                       void (*run)(const struct dm_batch *batch, size_t layer,
                                   const struct dm_selective_scan *scan, size_t first, size_t n)) {
    const struct dm_adjust *adjust = batch->adjust;
    size_t period = adjust->period ? adjust->period : 1;
    for (size_t s = 0; s < scan->n_sequence; s++) {
        size_t n_read = batch->first_position ? batch->first_position[s] : 0;
        for (size_t row = scan->start[s], end = scan->start[s + 1]; row < end;) {
            size_t n_token = period - n_read % period;
            n_token = n_token < end - row ? n_token : end - row;
            const size_t bounds[] = {row, row + n_token};
            struct dm_selective_scan piece = *scan;
            piece.n_sequence = 1;
            piece.start = bounds;
            piece.ssm_state = scan->ssm_state + s;
            run(batch, layer, &piece, first, n);
            row += n_token;
            n_read += n_token;
            const struct dm_state_view view = {
                .n_read = n_read,
                .first_channel = first,
                .n_channel = n,
                .d_state = scan->d_state,
                .values = scan->ssm_state[s] + first,
                .stride = scan->d_inner,
            };
            if (n_read % period == 0)
                adjust->state(adjust->method, layer, &view);
        }
    }
}

static void run_here(const struct dm_batch *batch, size_t layer,
                     const struct dm_selective_scan *scan, size_t first, size_t n) {
    (void)layer;
    batch->network->ops.selective_scan(scan, first, n);
}

void dm_mamba_scan_channels(const struct dm_batch *batch, size_t layer,
                            const struct dm_selective_scan *scan, size_t first, size_t n) {
    bool in_pieces = batch->adjust && batch->adjust->state && !batch->adjust->whole_rows;
    uint64_t begin = dm_profile_begin(batch->network->profile);
    if (in_pieces)
        run_pieces(batch, layer, scan, first, n, run_here);
    else
        run_here(batch, layer, scan, first, n);
    dm_profile_end(batch->network->profile, DM_OPERATION_SCAN, begin, 1);
}

struct scan_call {
    const struct dm_batch *batch;
    size_t layer;
    const struct dm_selective_scan *scan;
};

static void run_channels(const void *opaque, size_t first, size_t n) {
    const struct scan_call *call = opaque;
    dm_mamba_scan_channels(call->batch, call->layer, call->scan, first, n);
}

/* Channels 0 .. n - 1: all. */
static void split_channels(const struct dm_batch *batch, size_t layer,
                           const struct dm_selective_scan *scan, size_t first, size_t n) {
    const struct scan_call call = {batch, layer, scan};
    size_t n_token = scan->start[scan->n_sequence] - scan->start[0];
    (void)first;
    dm_split(batch->network->threads, &call, run_channels, n, DM_CHANNEL_BLOCK,
             n_token * scan->d_state);
}

void dm_mamba_scan_all(const struct dm_batch *batch, size_t layer,
                       const struct dm_selective_scan *scan) {
    if (batch->adjust && batch->adjust->state && batch->adjust->whole_rows)
        run_pieces(batch, layer, scan, 0, scan->d_inner, split_channels);
    else
        split_channels(batch, layer, scan, 0, scan->d_inner);
}
