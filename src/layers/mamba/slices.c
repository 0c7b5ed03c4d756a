/* The forward pass by slices of channels, for reading. */
#include "layers/slices.h"
#include "layers/mamba/mamba.h"
#include "layers/products.h"

/* The halves of in_proj and dt_proj must have the same slices, and dt_proj must take rows as they
 * are: rows are converted for one product at a time. */
bool dm_mamba_plan_slices(const struct dm_layer *layer, const struct dm_matmul_backend *matmul,
                          struct dm_slice_plan *plan) {
    const struct mamba_weights *w = layer->weights;
    size_t n_slice = matmul->n_slice(w->in_x);
    if (plan->n_worker > n_slice)
        plan->n_worker = n_slice;
    if (!dm_slices_agree(matmul, w->in_x, w->in_z) ||
        !dm_slices_agree(matmul, w->in_x, w->dt_proj) || matmul->prepared_bytes(w->dt_proj, 1))
        return false;
    size_t of_normed = matmul->prepared_bytes(w->in_x, 1);
    size_t of_y = matmul->prepared_bytes(w->out_proj, 1);
    plan->row_bytes = of_normed > of_y ? of_normed : of_y;
    plan->width = dm_widest_slice(matmul, w->in_x);
    return true;
}

static void run_inputs(struct dm_slices *slices, size_t slice, dm_real *scratch[2]) {
    const struct dm_batch *batch = slices->batch;
    const struct dm_network *network = batch->network;
    const struct mamba_weights *w = mamba_weights_of(batch, slices->layer);
    struct dm_columns at = dm_slice_columns(batch, w->in_x, slice);
    dm_real *x = scratch[0];
    if (!dm_slice_multiply(slices, w->in_x, slices->x, slice, x, at.n, false, DM_OPERATION_IN_PROJ))
        return;
    dm_add_bias(w->in_bias ? w->in_bias + at.first : NULL, batch->n_token, at.n, at.n, x);
    const struct dm_causal_conv1d conv =
        dm_mamba_conv(batch, slices->layer, (struct dm_channel_view){x, at.first, at.n});
    uint64_t begin = dm_profile_begin(network->profile);
    network->ops.causal_conv1d(&conv, at.first, at.n);
    dm_profile_end(network->profile, DM_OPERATION_CONV, begin, 1);
}

dm_status dm_mamba_sliced_inputs(const struct dm_batch *batch, size_t layer, dm_error *error) {
    const struct dm_matrix *in_x = mamba_weights_of(batch, layer)->in_x;
    size_t d_model = batch->network->config.d_model;
    dm_slices_prepare(batch, in_x, batch->at->normed, d_model);
    return dm_slices_run(batch, layer, run_inputs, in_x, batch->at->normed, d_model, error);
}

static void run_scan(struct dm_slices *slices, size_t slice, dm_real *scratch[2]) {
    const struct dm_batch *batch = slices->batch;
    const struct dm_network *network = batch->network;
    const struct mamba_weights *w = mamba_weights_of(batch, slices->layer);
    size_t E = mamba_sizes_of(batch, slices->layer)[D_INNER];
    struct dm_columns at = dm_slice_columns(batch, w->in_z, slice);
    dm_real *delta = scratch[0], *z = scratch[1];
    if (!dm_slice_multiply(slices, w->dt_proj, batch->at->layer[DT], slice, delta, at.n, false,
                           DM_OPERATION_DT_PROJ))
        return;
    const struct dm_softplus softplus = {at.n, w->dt_bias + at.first, delta};
    const struct dm_delta_view view = {.batch = batch,
                                       .n_row = batch->n_token,
                                       .first_channel = at.first,
                                       .n_channel = at.n,
                                       .values = delta,
                                       .stride = at.n};
    uint64_t begin = dm_profile_begin(network->profile);
    network->ops.softplus(&softplus, 0, batch->n_token);
    dm_adjust_delta(slices->layer, &view);
    dm_profile_end(network->profile, DM_OPERATION_SOFTPLUS, begin, 1);
    if (!dm_slice_multiply(slices, w->in_z, slices->x, slice, z, at.n, false, DM_OPERATION_IN_PROJ))
        return;
    dm_add_bias(w->in_bias ? w->in_bias + E + at.first : NULL, batch->n_token, at.n, at.n, z);
    const struct dm_selective_scan scan =
        dm_mamba_scan(batch, slices->layer, (struct dm_channel_view){delta, at.first, at.n},
                      (struct dm_channel_view){z, at.first, at.n});
    dm_mamba_scan_channels(batch, slices->layer, &scan, at.first, at.n);
}

static void run_outputs(struct dm_slices *slices, size_t slice, dm_real *scratch[2]) {
    (void)scratch;
    const struct dm_batch *batch = slices->batch;
    const struct mamba_weights *w = mamba_weights_of(batch, slices->layer);
    size_t d_model = batch->network->config.d_model;
    struct dm_columns to = dm_slice_columns(batch, w->out_proj, slice);
    dm_real *residual = batch->at->residual + to.first;
    if (dm_slice_multiply(slices, w->out_proj, slices->x, slice, residual, d_model, true,
                          DM_OPERATION_OUT_PROJ))
        dm_add_bias(w->out_bias ? w->out_bias + to.first : NULL, batch->n_token, to.n, d_model,
                    residual);
}

dm_status dm_mamba_sliced_rest(const struct dm_batch *batch, size_t layer, dm_error *error) {
    const struct mamba_weights *w = mamba_weights_of(batch, layer);
    const dm_real *y = batch->at->layer[Y];
    size_t E = mamba_sizes_of(batch, layer)[D_INNER];
    dm_status status = dm_slices_run(batch, layer, run_scan, w->in_z, batch->at->normed,
                                     batch->network->config.d_model, error);
    if (status)
        return status;
    dm_slices_prepare(batch, w->out_proj, y, E);
    return dm_slices_run(batch, layer, run_outputs, w->out_proj, y, E, error);
}
