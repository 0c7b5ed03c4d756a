/* The forward pass, one operation after the other over the whole batch. */
#include "layers/mamba/mamba.h"
#include "layers/products.h"
#include "ops/split.h"

/* ---- Inputs ---- */

struct conv_call {
    const struct dm_network *network;
    struct dm_causal_conv1d op;
};

static void run_conv(const void *opaque, size_t first, size_t n) {
    const struct conv_call *call = opaque;
    uint64_t begin = dm_profile_begin(call->network->profile);
    call->network->ops.causal_conv1d(&call->op, first, n);
    dm_profile_end(call->network->profile, DM_OPERATION_CONV, begin, 1);
}

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
    const struct conv_call call = {batch->network,
                                   dm_mamba_conv(batch, layer, (struct dm_channel_view){x, 0, E})};
    dm_split(batch->network->threads, &call, run_conv, E, DM_CHANNEL_BLOCK,
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

struct delta_call {
    const struct dm_batch *batch;
    size_t layer;
    struct dm_softplus op;
};

static void run_delta(const void *opaque, size_t first, size_t n) {
    const struct delta_call *call = opaque;
    const struct dm_network *network = call->batch->network;
    const struct dm_softplus *op = &call->op;
    const struct dm_delta_view view = {.batch = call->batch,
                                       .first_row = first,
                                       .n_row = n,
                                       .n_channel = op->width,
                                       .values = op->delta + first * op->width,
                                       .stride = op->width};
    uint64_t begin = dm_profile_begin(network->profile);
    network->ops.softplus(op, first, n);
    dm_adjust_delta(call->layer, &view);
    dm_profile_end(network->profile, DM_OPERATION_SOFTPLUS, begin, 1);
}

dm_status dm_mamba_delta(const struct dm_batch *batch, size_t layer, dm_error *error) {
    const struct mamba_weights *w = mamba_weights_of(batch, layer);
    size_t E = mamba_sizes_of(batch, layer)[D_INNER];
    dm_real *delta = batch->at->layer[DELTA];
    dm_status status = dm_multiply(batch, w->dt_proj, batch->at->layer[DT], false, delta,
                                   DM_OPERATION_DT_PROJ, error);
    if (status)
        return status;
    const struct delta_call call = {batch, layer, {E, w->dt_bias, delta}};
    dm_split(batch->network->threads, &call, run_delta, batch->n_token, 1, E);
    return DM_OK;
}

/* ---- Outputs ---- */

dm_status dm_mamba_gated_scan(const struct dm_batch *batch, size_t layer, dm_error *error) {
    const struct mamba_weights *w = mamba_weights_of(batch, layer);
    dm_real *const *at = batch->at->layer;
    size_t E = mamba_sizes_of(batch, layer)[D_INNER];
    dm_status status =
        dm_multiply(batch, w->in_z, batch->at->normed, false, at[Z], DM_OPERATION_IN_PROJ, error);
    if (status)
        return status;
    dm_add_bias(w->in_bias ? w->in_bias + E : NULL, batch->n_token, E, E, at[Z]);
    const struct dm_selective_scan scan =
        dm_mamba_scan(batch, layer, (struct dm_channel_view){at[DELTA], 0, E},
                      (struct dm_channel_view){at[Z], 0, E});
    dm_mamba_scan_all(batch, layer, &scan);
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
