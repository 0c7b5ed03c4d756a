/* The forward pass, one operation after the other over the whole batch. */
#include "layers/mamba/mamba.h"
#include "layers/products.h"
#include "ops/split.h"

/* ---- Operations over threads ---- */

/* Defines run_NAME, which dm_split calls, and its arguments: an operation and the network whose
 * table runs it. */
#define SPLIT_OP(name, operation)                                        \
    struct name##_call {                                                 \
        const struct dm_network *network;                                \
        struct dm_##name op;                                             \
    };                                                                   \
    static void run_##name(const void *opaque, size_t first, size_t n) { \
        const struct name##_call *call = opaque;                         \
        uint64_t begin = dm_profile_begin(call->network->profile);       \
        call->network->ops.name(&call->op, first, n);                    \
        dm_profile_end(call->network->profile, operation, begin, 1);     \
    }
SPLIT_OP(softplus, DM_OPERATION_SOFTPLUS)
SPLIT_OP(causal_conv1d, DM_OPERATION_CONV)
SPLIT_OP(selective_scan, DM_OPERATION_SCAN)

/* ---- Inputs ---- */

static dm_status convolve(const struct dm_batch *batch, size_t layer, dm_error *error) {
    const struct mamba_weights *w = mamba_weights_of(batch, layer);
    const size_t *size = mamba_sizes_of(batch, layer);
    dm_real *x = batch->at->layer[X];
    size_t E = size[D_INNER];
    dm_status status =
        dm_multiply(batch, w->in_x, batch->at->normed, false, x, DM_OPERATION_IN_PROJ, error);
    if (status)
        return status;
    dm_add_bias(w->in_bias, batch->n_token, E, E, x);
    const struct causal_conv1d_call call = {
        batch->network, dm_mamba_conv(batch, layer, (struct dm_channel_view){x, 0, E})};
    dm_split(batch->network->threads, &call, run_causal_conv1d, E, DM_CHANNEL_BLOCK,
             batch->n_token * size[D_CONV]);
    return DM_OK;
}

/* FalconMamba: one of the norms without weight. */
static void norm_part(const struct dm_batch *batch, size_t layer, size_t width, size_t stride,
                      const dm_real *x, dm_real *y) {
    const struct dm_layer_config *config = batch->network->layers[layer].config;
    const struct dm_rms_norm op = {.width = width,
                                   .stride = stride,
                                   .epsilon = (dm_real)config->real[RMS_EPSILON],
                                   .x = x,
                                   .y = y};
    dm_norm_rows(batch, &op);
}

/* u -> dt, BC. */
static dm_status project(const struct dm_batch *batch, size_t layer, dm_error *error) {
    const struct mamba_weights *w = mamba_weights_of(batch, layer);
    const size_t *size = mamba_sizes_of(batch, layer);
    dm_real *const *at = batch->at->layer;
    const struct dm_matmul x_proj[] = {
        {.n_token = batch->n_token, .x = at[U], .weight = w->x_dt, .y = at[RAW_DT]},
        {.n_token = batch->n_token, .x = at[U], .weight = w->x_BC, .y = at[RAW_BC]}};
    dm_status status = dm_multiply_all(batch, x_proj, 2, DM_OPERATION_X_PROJ, error);
    if (status || !size[DT_B_C_RMS])
        return status;
    size_t R = size[DT_RANK], N = size[D_STATE];
    norm_part(batch, layer, R, R, at[RAW_DT], at[DT]);
    norm_part(batch, layer, N, 2 * N, at[RAW_BC], at[BC]);
    norm_part(batch, layer, N, 2 * N, at[RAW_BC] + N, at[BC] + N);
    return DM_OK;
}

dm_status dm_mamba_inputs(const struct dm_batch *batch, size_t layer, dm_error *error) {
    dm_status status = dm_batch_is_sliced(batch) ? dm_mamba_sliced_inputs(batch, layer, error)
                                                 : convolve(batch, layer, error);
    return status ? status : project(batch, layer, error);
}

/* ---- Delta ---- */

dm_status dm_mamba_delta(const struct dm_batch *batch, size_t layer, dm_error *error) {
    const struct mamba_weights *w = mamba_weights_of(batch, layer);
    size_t E = mamba_sizes_of(batch, layer)[D_INNER];
    dm_real *delta = batch->at->layer[DELTA];
    dm_status status = dm_multiply(batch, w->dt_proj, batch->at->layer[DT], false, delta,
                                   DM_OPERATION_DT_PROJ, error);
    if (status)
        return status;
    const struct softplus_call call = {batch->network, {E, w->dt_bias, delta}};
    dm_split(batch->network->threads, &call, run_softplus, batch->n_token, 1, E);
    return DM_OK;
}

/* ---- Outputs ---- */

dm_status dm_mamba_gated_scan(const struct dm_batch *batch, size_t layer, dm_error *error) {
    const struct mamba_weights *w = mamba_weights_of(batch, layer);
    const size_t *size = mamba_sizes_of(batch, layer);
    dm_real *const *at = batch->at->layer;
    size_t E = size[D_INNER];
    dm_status status =
        dm_multiply(batch, w->in_z, batch->at->normed, false, at[Z], DM_OPERATION_IN_PROJ, error);
    if (status)
        return status;
    dm_add_bias(w->in_bias ? w->in_bias + E : NULL, batch->n_token, E, E, at[Z]);
    const struct selective_scan_call call = {
        batch->network, dm_mamba_scan(batch, layer, (struct dm_channel_view){at[DELTA], 0, E},
                                      (struct dm_channel_view){at[Z], 0, E})};
    dm_split(batch->network->threads, &call, run_selective_scan, E, DM_CHANNEL_BLOCK,
             batch->n_token * size[D_STATE]);
    return DM_OK;
}

dm_status dm_mamba_outputs(const struct dm_batch *batch, size_t layer, dm_error *error) {
    const struct mamba_weights *w = mamba_weights_of(batch, layer);
    size_t d_model = batch->network->config.d_model;
    dm_status status = dm_mamba_gated_scan(batch, layer, error);
    if (!status)
        status = dm_multiply(batch, w->out_proj, batch->at->layer[Y], true, batch->at->residual,
                             DM_OPERATION_OUT_PROJ, error);
    if (!status)
        dm_add_bias(w->out_bias, batch->n_token, d_model, d_model, batch->at->residual);
    return status;
}
