/* The backward pass: follows forward.c from its end to its beginning. */
#include "layers/backward.h"

#include <tgmath.h>

#include "layers/gather.h"
#include "layers/mamba2/mamba2.h"
#include "layers/ssm.h"
#include "ops/split.h"

static const struct mamba2_weights *weights_of(const struct dm_layer_back *back) {
    return back->network->layers[back->layer].weights;
}

static const struct dm_layer_config *config_of(const struct dm_layer_back *back) {
    return back->network->layers[back->layer].config;
}

static const size_t *sizes_of(const struct dm_layer_back *back) {
    return config_of(back)->size;
}

/* A parameter's gradient, or, where it is frozen, a place for what nobody reads. */
static dm_real *wanted(const struct dm_layer_back *back, size_t parameter) {
    dm_real *gradient = back->gradient[parameter];
    return gradient ? gradient : back->buffer_grad[GRADIENT_UNUSED];
}

/* ---- Operations over threads ---- */

DM_BACKWARD_OP(causal_conv1d, back->ops->causal_conv1d_backward(&back->op, &back->grad, first, n))
DM_BACKWARD_OP(head_scan, back->ops->head_scan_backward(&back->op, &back->grad, first, n))
DM_BACKWARD_OP(gated_norm, back->ops->gated_norm_backward(&back->op, &back->grad, first, n))

static void run_gated_norm_weight(const void *opaque, size_t first, size_t n) {
    const struct gated_norm_back *back = opaque;
    back->ops->gated_norm_weight_backward(&back->op, &back->grad, back->n_token, first, n);
}

static void run_sum_parts(const void *opaque, size_t first, size_t n) {
    const struct head_scan_back *back = opaque;
    dm_head_scan_sum_parts(&back->op, &back->grad, first, n);
}

/* ---- From out_proj down to the scan's inputs, on the tokens that are kept ---- */

/* From dy in GRADIENT_Y: dz, and the gradient of what the scan gave. */
static void gate_back(const struct dm_layer_back *back, const struct dm_batch *batch) {
    const size_t *size = sizes_of(back);
    dm_real *const *grad = back->buffer_grad, *dweight = back->gradient[GATE_NORM];
    const struct gated_norm_back gate = {.ops = &back->network->ops,
                                         .op = dm_mamba2_gate(batch, back->layer),
                                         .grad = {.dy = grad[GRADIENT_Y] + mamba2_mlp_width(size),
                                                  .dx = grad[GRADIENT_SCANNED],
                                                  .dz = grad[GRADIENT_Z],
                                                  .rstd = grad[RSTD],
                                                  .dweight = dweight},
                                         .n_token = back->n_after};
    dm_split(back->network->threads, &gate, run_gated_norm_back, back->n_after, 1, size[D_SSM]);
    if (dweight)
        dm_split(back->network->threads, &gate, run_gated_norm_weight, size[D_SSM],
                 DM_CHANNEL_BLOCK, back->n_after);
}

/* The MLP's gate and values, and what reaches normed through them: written to dnormed_cut. */
static dm_status mlp_back(const struct dm_layer_back *back, const struct dm_batch *batch) {
    const struct mamba2_weights *transposed = back->transposed;
    dm_real *const *grad = back->buffer_grad;
    size_t width = mamba2_mlp_width(sizes_of(back)), n = back->n_after;
    if (!width)
        return DM_OK;
    const struct gated_norm_back gate = {.ops = &back->network->ops,
                                         .op = dm_mamba2_mlp(batch, back->layer),
                                         .grad = {.dy = grad[GRADIENT_Y],
                                                  .dx = grad[GRADIENT_MLP] + width,
                                                  .dz = grad[GRADIENT_MLP]},
                                         .n_token = n};
    dm_split(back->network->threads, &gate, run_gated_norm_back, n, 1, width);
    dm_back_bias(back, IN_PROJ_BIAS, 0, 2 * width, grad[GRADIENT_MLP], n);
    dm_status status = dm_back_weight(back, IN_MLP, grad[GRADIENT_MLP], back->out->normed, n);
    return status ? status
                  : dm_back_multiply(back, transposed->in_mlp, grad[GRADIENT_MLP], n, false,
                                     back->dnormed_cut);
}

/* The weights of in_z, and what reaches normed through z: in dnormed_cut. */
static dm_status z_back(const struct dm_layer_back *back) {
    const struct mamba2_weights *transposed = back->transposed;
    const size_t *size = sizes_of(back);
    dm_real *dz = back->buffer_grad[GRADIENT_Z];
    size_t n = back->n_after, mlp = mamba2_mlp_width(size);
    dm_back_bias(back, IN_PROJ_BIAS, 2 * mlp, size[D_SSM], dz, n);
    dm_status status = dm_back_weight(back, IN_Z, dz, back->out->normed, n);
    return status ? status
                  : dm_back_multiply(back, transposed->in_z, dz, n, mlp > 0, back->dnormed_cut);
}

static void scan_back(const struct dm_layer_back *back, const struct dm_batch *batch) {
    const size_t *size = sizes_of(back);
    dm_real *const *grad = back->buffer_grad;
    struct head_scan_back scan = {.ops = &back->network->ops,
                                  .op = dm_mamba2_scan(batch, back->layer),
                                  .grad = {.dy = grad[GRADIENT_SCANNED],
                                           .dxBC = grad[GRADIENT_XBC],
                                           .ddelta = grad[GRADIENT_DELTA],
                                           .dA = grad[GRADIENT_A],
                                           .dD = wanted(back, D_VALUES),
                                           .dBC_parts = grad[BC_PARTS],
                                           .dssm_state = back->state_grad[SSM_STATE]},
                                  .n_token = back->n_after};
    dm_rows_clear(grad[GRADIENT_A], 1, size[N_HEAD]);
    dm_split(back->network->threads, &scan, run_head_scan_back, size[N_HEAD], 1,
             back->n_after * size[D_STATE] * scan.op.head_dim);
    dm_split(back->network->threads, &scan, run_sum_parts, back->n_after, 1,
             size[N_HEAD] * size[D_STATE]);
}

/* No gradient comes through a limit. */
static void limits_back(const struct dm_layer_back *back, dm_real *ddelta) {
    const struct dm_layer_config *config = config_of(back);
    const dm_real *dt = back->out->layer[DT], *bias = weights_of(back)->dt_bias;
    size_t H = config->size[N_HEAD];
    for (size_t i = 0; i < back->n_after * H; i++) {
        dm_real v = dt[i] + bias[i % H], step = v > 20 ? v : log1p(exp(v));
        if (step < (dm_real)config->real[DT_MIN] || step > (dm_real)config->real[DT_MAX])
            ddelta[i] = 0;
    }
}

/* Delta and its gradient as they were before somebody changed them; then, through the limits and the
 * softplus, the gradient of dt. */
static void delta_back(const struct dm_layer_back *back, const struct dm_batch *batch) {
    const struct dm_adjust *adjust = back->adjust;
    size_t H = sizes_of(back)[N_HEAD], n = back->n_after;
    dm_real *ddelta = back->buffer_grad[GRADIENT_DELTA], *delta = back->out->layer[DELTA];
    const struct dm_delta_view values = {
        .batch = batch, .n_row = n, .n_channel = H, .values = delta, .stride = H};
    struct dm_delta_view gradient = values;
    gradient.values = ddelta;
    if (adjust && adjust->delta)
        adjust->delta_back(adjust->method, back->layer, &values, &gradient);
    limits_back(back, ddelta);
    const struct dm_softplus op = {H, weights_of(back)->dt_bias, delta};
    const struct dm_softplus_grad grad = {ddelta, wanted(back, DT_BIAS)};
    back->network->ops.softplus_backward(&op, &grad, n, 0, H);
}

dm_status dm_mamba2_outputs_back(const struct dm_layer_back *back) {
    const struct mamba2_weights *transposed = back->transposed;
    const struct dm_batch batch = dm_back_batch(back, true);
    dm_real *dy = back->buffer_grad[GRADIENT_Y];
    size_t n = back->n_after;
    dm_back_bias(back, OUT_PROJ_BIAS, 0, back->network->config.d_model, back->dresidual, n);
    dm_status status = dm_back_weight(back, OUT_MATRIX, back->dresidual, back->out->layer[Y], n);
    if (!status)
        status = dm_back_multiply(back, transposed->out_proj, back->dresidual, n, false, dy);
    if (status)
        return status;
    gate_back(back, &batch);
    status = mlp_back(back, &batch);
    if (!status)
        status = z_back(back);
    if (status)
        return status;
    scan_back(back, &batch);
    delta_back(back, &batch);
    return DM_OK;
}

/* ---- From the convolution down, on all tokens ---- */

/* dxBC -> that of in_proj's product. */
static void convolution_back(const struct dm_layer_back *back, const dm_real *dxBC) {
    const size_t *size = sizes_of(back);
    dm_real *const *grad = back->buffer_grad;
    size_t width = mamba2_conv_width(size);
    const struct dm_batch batch = dm_back_batch(back, false);
    dm_rows_clear(grad[GRADIENT_CONV], size[D_CONV], width);
    const struct causal_conv1d_back conv = {
        .ops = &back->network->ops,
        .op = dm_mamba2_conv(&batch, back->layer),
        .grad = {.dy = dxBC,
                 .dx = grad[GRADIENT_RAW_XBC],
                 .dweight = grad[GRADIENT_CONV],
                 .dbias = back->gradient[CONV_BIAS_VALUES]},
    };
    dm_split(back->network->threads, &conv, run_causal_conv1d_back, width, DM_CHANNEL_BLOCK,
             back->n * size[D_CONV]);
    dm_add_conv_gradient(grad[GRADIENT_CONV], width, size[D_CONV], back->gradient[CONV_WEIGHT]);
}

/* dA_log = dA * A. */
static void A_back(const struct dm_layer_back *back) {
    const dm_real *A = weights_of(back)->A, *dA = back->buffer_grad[GRADIENT_A];
    dm_real *dA_log = back->gradient[A_LOG];
    for (size_t h = 0; h < sizes_of(back)[N_HEAD] && dA_log; h++)
        dA_log[h] += dA[h] * A[h];
}

dm_status dm_mamba2_inputs_back(const struct dm_layer_back *back) {
    const struct mamba2_weights *transposed = back->transposed;
    const size_t *size = sizes_of(back);
    dm_real *const *grad = back->buffer_grad;
    const dm_real *normed = back->in->normed;
    size_t n = back->n, width = mamba2_conv_width(size), H = size[N_HEAD];
    size_t row = 2 * mamba2_mlp_width(size) + size[D_SSM];
    const dm_real *dxBC = dm_back_spread(back, grad[GRADIENT_XBC], width, grad[GRADIENT_ALL_XBC]);
    const dm_real *ddt = dm_back_spread(back, grad[GRADIENT_DELTA], H, grad[GRADIENT_ALL_DT]);
    convolution_back(back, dxBC);
    A_back(back);
    dm_back_bias(back, IN_PROJ_BIAS, row, width, grad[GRADIENT_RAW_XBC], n);
    dm_back_bias(back, IN_PROJ_BIAS, row + width, H, ddt, n);
    dm_status status = dm_back_weight(back, IN_XBC, grad[GRADIENT_RAW_XBC], normed, n);
    if (!status)
        status = dm_back_weight(back, IN_DT, ddt, normed, n);
    if (!status)
        status = dm_back_multiply(back, transposed->in_xBC, grad[GRADIENT_RAW_XBC], n, back->adds,
                                  back->dnormed);
    return status ? status : dm_back_multiply(back, transposed->in_dt, ddt, n, true, back->dnormed);
}
