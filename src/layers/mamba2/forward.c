/* The forward pass. */
#include <string.h>

#include "layers/mamba2/mamba2.h"
#include "layers/products.h"
#include "ops/split.h"

/* ---- Operations ---- */

struct dm_causal_conv1d dm_mamba2_conv(const struct dm_batch *batch, size_t layer) {
    const struct mamba2_weights *w = mamba2_weights_of(batch, layer);
    const size_t *size = mamba2_sizes_of(batch, layer);
    size_t width = mamba2_conv_width(size);
    return (struct dm_causal_conv1d){
        .n_sequence = batch->n_sequence,
        .d_inner = width,
        .d_conv = size[D_CONV],
        .start = batch->at->start,
        .x = {batch->at->layer[RAW_XBC], 0, width},
        .weight = w->conv_weight,
        .bias = w->conv_bias,
        .conv_state = batch->at->state[CONV_STATE],
        .y = batch->at->layer[XBC],
    };
}

struct dm_head_scan dm_mamba2_scan(const struct dm_batch *batch, size_t layer) {
    const struct mamba2_weights *w = mamba2_weights_of(batch, layer);
    const size_t *size = mamba2_sizes_of(batch, layer);
    return (struct dm_head_scan){
        .n_sequence = batch->n_sequence,
        .n_head = size[N_HEAD],
        .head_dim = size[D_SSM] / size[N_HEAD],
        .d_state = size[D_STATE],
        .n_group = size[N_GROUP],
        .start = batch->at->start,
        .xBC = batch->at->layer[XBC],
        .delta = batch->at->layer[DELTA],
        .A = dm_adjusted_A(batch, layer, w->A),
        .D = w->D,
        .D_by_channel = size[D_BY_CHANNEL],
        .ssm_state = batch->at->state[SSM_STATE],
        .scale = batch->at->state[SSM_SCALE],
        .y = batch->at->layer[SCANNED],
        .checkpoints = batch->at->layer[CHECKPOINTS],
    };
}

/* The scan's part of out_proj's input, which follows the MLP's. */
struct dm_gated_norm dm_mamba2_gate(const struct dm_batch *batch, size_t layer) {
    const struct dm_layer_config *config = batch->network->layers[layer].config;
    const size_t *size = config->size;
    return (struct dm_gated_norm){
        .width = size[D_SSM],
        .n_group = size[N_GROUP],
        .epsilon = (dm_real)config->real[NORM_EPSILON],
        .norm_first = size[NORM_FIRST],
        .x = batch->at->layer[SCANNED],
        .z = batch->at->layer[Z],
        .x_step = size[D_SSM],
        .z_step = size[D_SSM],
        .y_step = size[D_INNER],
        .weight = mamba2_weights_of(batch, layer)->gate_norm,
        .y = batch->at->layer[Y] + mamba2_mlp_width(size),
    };
}

struct dm_gated_norm dm_mamba2_mlp(const struct dm_batch *batch, size_t layer) {
    const size_t *size = mamba2_sizes_of(batch, layer);
    size_t width = mamba2_mlp_width(size);
    return (struct dm_gated_norm){
        .width = width,
        .n_group = 1,
        .x = batch->at->layer[MLP] + width,
        .z = batch->at->layer[MLP],
        .x_step = 2 * width,
        .z_step = 2 * width,
        .y_step = size[D_INNER],
        .y = batch->at->layer[Y],
    };
}

#define RUN(name, operation)                                             \
    struct name##_call {                                                 \
        const struct dm_network *network;                                \
        struct dm_##name op;                                             \
    };                                                                   \
    static void run_##name(const void *opaque, size_t first, size_t n) { \
        const struct name##_call *call = opaque;                         \
        uint64_t begin = dm_profile_begin(call->network->profile);       \
        call->network->ops.name(&call->op, first, n);                    \
        dm_profile_end(call->network->profile, (operation), begin, 1);   \
    }
RUN(causal_conv1d, DM_OPERATION_CONV)
RUN(head_scan, DM_OPERATION_SCAN)
RUN(gated_norm, DM_OPERATION_NORM)

/* ---- Inputs ---- */

/* Where in_proj's rows of the scan begin: behind the MLP's. */
static const dm_real *bias_from(const struct mamba2_weights *w, size_t row) {
    return w->in_bias ? w->in_bias + row : NULL;
}

dm_status dm_mamba2_inputs(const struct dm_batch *batch, size_t layer, dm_error *error) {
    const struct mamba2_weights *w = mamba2_weights_of(batch, layer);
    const size_t *size = mamba2_sizes_of(batch, layer);
    dm_real *const *at = batch->at->layer;
    size_t width = mamba2_conv_width(size), H = size[N_HEAD];
    size_t row = 2 * mamba2_mlp_width(size) + size[D_SSM];
    const struct dm_matmul products[] = {
        {.n_token = batch->n_token, .x = batch->at->normed, .weight = w->in_xBC, .y = at[RAW_XBC]},
        {.n_token = batch->n_token, .x = batch->at->normed, .weight = w->in_dt, .y = at[DT]}};
    dm_status status = dm_multiply_all(batch, products, 2, DM_OPERATION_IN_PROJ, error);
    if (status)
        return status;
    dm_add_bias(bias_from(w, row), batch->n_token, width, width, at[RAW_XBC]);
    dm_add_bias(bias_from(w, row + width), batch->n_token, H, H, at[DT]);
    const struct causal_conv1d_call conv = {batch->network, dm_mamba2_conv(batch, layer)};
    dm_split(batch->network->threads, &conv, run_causal_conv1d, width, DM_CHANNEL_BLOCK,
             batch->n_token * size[D_CONV]);
    return DM_OK;
}

/* ---- Delta ---- */

/* transformers and mamba_ssm pass over the limits in a step. NaN stays what it is. */
static void limit(const struct dm_layer_config *config, dm_real *delta, size_t n) {
    dm_real low = (dm_real)config->real[DT_MIN], high = (dm_real)config->real[DT_MAX];
    for (size_t i = 0; i < n; i++)
        delta[i] = delta[i] < low ? low : delta[i] > high ? high : delta[i];
}

dm_status dm_mamba2_delta(const struct dm_batch *batch, size_t layer, dm_error *error) {
    const struct dm_network *network = batch->network;
    size_t H = mamba2_sizes_of(batch, layer)[N_HEAD], n = batch->n_token;
    dm_real *delta = batch->at->layer[DELTA];
    (void)error;
    memcpy(delta, batch->at->layer[DT], n * H * sizeof *delta);
    const struct dm_softplus op = {H, mamba2_weights_of(batch, layer)->dt_bias, delta};
    const struct dm_delta_view view = {
        .batch = batch, .n_row = n, .n_channel = H, .values = delta, .stride = H};
    uint64_t begin = dm_profile_begin(network->profile);
    network->ops.softplus(&op, 0, n); /* a few numbers for each token: not worth other threads */
    if (!batch->is_step || network->limits_steps)
        limit(network->layers[layer].config, delta, n * H);
    dm_adjust_delta(layer, &view);
    dm_profile_end(network->profile, DM_OPERATION_SOFTPLUS, begin, 1);
    return DM_OK;
}

/* ---- Outputs ---- */

static dm_status run_mlp(const struct dm_batch *batch, size_t layer, dm_error *error) {
    const struct mamba2_weights *w = mamba2_weights_of(batch, layer);
    size_t width = mamba2_mlp_width(mamba2_sizes_of(batch, layer));
    dm_real *mlp = batch->at->layer[MLP];
    if (!w->in_mlp)
        return DM_OK;
    dm_status status =
        dm_multiply(batch, w->in_mlp, batch->at->normed, false, mlp, DM_OPERATION_IN_PROJ, error);
    if (status)
        return status;
    dm_add_bias(w->in_bias, batch->n_token, 2 * width, 2 * width, mlp);
    const struct gated_norm_call gate = {batch->network, dm_mamba2_mlp(batch, layer)};
    dm_split(batch->network->threads, &gate, run_gated_norm, batch->n_token, 1, width);
    return DM_OK;
}

/* No thread is to go without. */
static size_t heads_at_a_time(const struct dm_batch *batch, size_t layer) {
    size_t n_thread = dm_threads_count(batch->network->threads);
    size_t of_thread = (mamba2_sizes_of(batch, layer)[N_HEAD] + n_thread - 1) / n_thread;
    return of_thread < DM_HEAD_SCAN_BLOCK ? of_thread : DM_HEAD_SCAN_BLOCK;
}

/* Everything but out_proj. */
dm_status dm_mamba2_gated_scan(const struct dm_batch *batch, size_t layer, dm_error *error) {
    const struct mamba2_weights *w = mamba2_weights_of(batch, layer);
    const size_t *size = mamba2_sizes_of(batch, layer);
    const struct dm_network *network = batch->network;
    dm_real *z = batch->at->layer[Z];
    size_t E = size[D_SSM];
    dm_status status = run_mlp(batch, layer, error);
    if (!status)
        status =
            dm_multiply(batch, w->in_z, batch->at->normed, false, z, DM_OPERATION_IN_PROJ, error);
    if (status)
        return status;
    dm_add_bias(bias_from(w, 2 * mamba2_mlp_width(size)), batch->n_token, E, E, z);
    const struct head_scan_call scan = {network, dm_mamba2_scan(batch, layer)};
    dm_split(network->threads, &scan, run_head_scan, size[N_HEAD], heads_at_a_time(batch, layer),
             batch->n_token * size[D_STATE] * scan.op.head_dim);
    const struct gated_norm_call gate = {network, dm_mamba2_gate(batch, layer)};
    dm_split(network->threads, &gate, run_gated_norm, batch->n_token, 1, E);
    return DM_OK;
}

dm_status dm_mamba2_outputs(const struct dm_batch *batch, size_t layer, dm_error *error) {
    const struct mamba2_weights *w = mamba2_weights_of(batch, layer);
    size_t d_model = batch->network->config.d_model;
    dm_status status = dm_mamba2_gated_scan(batch, layer, error);
    if (!status)
        status = dm_multiply(batch, w->out_proj, batch->at->layer[Y], true, batch->at->residual,
                             DM_OPERATION_OUT_PROJ, error);
    if (!status)
        dm_add_bias(w->out_bias, batch->n_token, d_model, d_model, batch->at->residual);
    return status;
}
