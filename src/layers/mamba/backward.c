/* The backward pass: follows forward.c from its end to its beginning. */
#include "layers/backward.h"

#include "layers/gather.h"
#include "layers/mamba/mamba.h"
#include "layers/ssm.h"
#include "ops/split.h"

static const struct mamba_weights *weights_of(const struct dm_layer_back *back) {
    return back->network->layers[back->layer].weights;
}

static const size_t *sizes_of(const struct dm_layer_back *back) {
    return back->network->layers[back->layer].config->size;
}

/* ---- Operations over threads ---- */

DM_BACKWARD_OP(softplus,
               back->ops->softplus_backward(&back->op, &back->grad, back->n_token, first, n))
DM_BACKWARD_OP(causal_conv1d, back->ops->causal_conv1d_backward(&back->op, &back->grad, first, n))
DM_BACKWARD_OP(selective_scan, back->ops->selective_scan_backward(&back->op, &back->grad, first, n))

struct sum_parts {
    const struct selective_scan_back *scan;
    dm_real *dBC;
};
static void run_sum_parts(const void *opaque, size_t first, size_t n) {
    const struct sum_parts *sum = opaque;
    dm_selective_scan_sum_parts(&sum->scan->op, &sum->scan->grad, sum->dBC, first, n);
}

/* ---- From out_proj down to the scan's inputs, on the tokens that are kept ---- */

/* From dy in WIDE_0: dz in WIDE_0, du in WIDE_1, ddelta in WIDE_2, dBC; and recomputes y. */
static void scan_back(const struct dm_layer_back *back) {
    const size_t *size = sizes_of(back);
    dm_real *const *grad = back->buffer_grad, *const *out = back->out->layer;
    size_t E = size[D_INNER];
    dm_real *dD = back->gradient[D_VALUES];
    const struct dm_batch batch = dm_back_batch(back, true);
    dm_rows_clear(grad[GRADIENT_A], size[D_STATE], E);
    const struct selective_scan_back scan = {
        .ops = &back->network->ops,
        .op = dm_mamba_scan(&batch, back->layer, (struct dm_channel_view){out[DELTA], 0, E},
                            (struct dm_channel_view){out[Z], 0, E}),
        .grad = {.dy = grad[WIDE_0],
                 .du = grad[WIDE_1],
                 .ddelta = grad[WIDE_2],
                 .dz = grad[WIDE_0],
                 .y = out[Y],
                 .dA = grad[GRADIENT_A],
                 /* always written: into scratch where it is not wanted */
                 .dD = dD ? dD : grad[GRADIENT_CONV],
                 .dBC_parts = grad[BC_PARTS],
                 .dssm_state = back->state_grad[SSM_STATE]},
        .n_token = back->n_after,
    };
    dm_split(back->network->threads, &scan, run_selective_scan_back, E, DM_SCAN_BLOCK,
             back->n_after * size[D_STATE]);
    const struct sum_parts sum = {&scan, grad[size[DT_B_C_RMS] ? GRADIENT_RAW_BC : GRADIENT_BC]};
    dm_split(back->network->threads, &sum, run_sum_parts, back->n_after, 1, E);
}

/* The weights of out_proj and in_z, and what reaches normed through z. */
static dm_status gate_back(const struct dm_layer_back *back) {
    const struct mamba_weights *transposed = back->transposed;
    dm_real *const *grad = back->buffer_grad, *const *out = back->out->layer;
    size_t E = sizes_of(back)[D_INNER], n = back->n_after;
    dm_back_bias(back, IN_PROJ_BIAS, E, E, grad[WIDE_0], n);
    dm_status status = dm_back_weight(back, OUT_MATRIX, back->dresidual, out[Y], n);
    if (!status)
        status = dm_back_weight(back, IN_Z, grad[WIDE_0], back->out->normed, n);
    if (!status)
        status =
            dm_back_multiply(back, transposed->in_z, grad[WIDE_0], n, false, back->dnormed_cut);
    return status;
}

/* Delta and its gradient, WIDE_2, as they were before somebody changed them. */
static void adjust_back(const struct dm_layer_back *back) {
    const struct dm_adjust *adjust = back->adjust;
    const struct dm_batch batch = dm_back_batch(back, true);
    size_t E = sizes_of(back)[D_INNER];
    struct dm_delta_view delta = {.batch = &batch,
                                  .n_row = back->n_after,
                                  .n_channel = E,
                                  .values = back->out->layer[DELTA],
                                  .stride = E};
    struct dm_delta_view gradient = delta;
    gradient.values = back->buffer_grad[WIDE_2];
    if (adjust && adjust->delta)
        adjust->delta_back(adjust->method, back->layer, &delta, &gradient);
}

/* ddelta in WIDE_2 becomes the gradient of dt_proj's output; then dt_proj. */
static dm_status delta_back(const struct dm_layer_back *back, dm_real *ddt) {
    const struct mamba_weights *transposed = back->transposed;
    dm_real *const *grad = back->buffer_grad, *const *out = back->out->layer;
    size_t E = sizes_of(back)[D_INNER], n = back->n_after;
    dm_real *dbias = back->gradient[DT_BIAS];
    const struct softplus_back softplus = {
        .ops = &back->network->ops,
        .op = {E, weights_of(back)->dt_bias, out[DELTA]},
        .grad = {grad[WIDE_2], dbias ? dbias : grad[GRADIENT_CONV]},
        .n_token = n,
    };
    dm_split(back->network->threads, &softplus, run_softplus_back, E, DM_CHANNEL_BLOCK, n);
    dm_status status = dm_back_weight(back, DT_MATRIX, grad[WIDE_2], out[DT], n);
    return status ? status
                  : dm_back_multiply(back, transposed->dt_proj, grad[WIDE_2], n, false, ddt);
}

/* FalconMamba: one of the norms without weight on dt, B and C; dx is cleared first. */
static void part_norm_back(const struct dm_layer_back *back, const dm_real *x, const dm_real *dy,
                           dm_real *dx, size_t width, size_t stride) {
    const struct dm_layer_config *config = back->network->layers[back->layer].config;
    const struct dm_rms_norm op = {
        .width = width, .stride = stride, .epsilon = (dm_real)config->real[RMS_EPSILON], .x = x};
    const struct dm_rms_norm_grad grad = {.dy = dy, .dx = dx, .rstd = back->rstd};
    dm_back_norm(back->network, &op, &grad, back->n_after);
}

static void part_norms_back(const struct dm_layer_back *back) {
    dm_real *const *grad = back->buffer_grad, *const *out = back->out->layer;
    size_t N = sizes_of(back)[D_STATE], R = sizes_of(back)[DT_RANK];
    dm_rows_clear(grad[GRADIENT_DT], back->n_after, R);
    dm_rows_clear(grad[GRADIENT_BC], back->n_after, 2 * N);
    part_norm_back(back, out[RAW_DT], grad[GRADIENT_RAW_DT], grad[GRADIENT_DT], R, R);
    part_norm_back(back, out[RAW_BC], grad[GRADIENT_RAW_BC], grad[GRADIENT_BC], N, 2 * N);
    part_norm_back(back, out[RAW_BC] + N, grad[GRADIENT_RAW_BC] + N, grad[GRADIENT_BC] + N, N,
                   2 * N);
}

/* du in WIDE_1 += what comes through x_proj. */
static dm_status x_proj_back(const struct dm_layer_back *back) {
    const struct mamba_weights *transposed = back->transposed;
    dm_real *const *grad = back->buffer_grad, *u = back->out->layer[U];
    size_t n = back->n_after;
    dm_status status = dm_back_weight(back, X_DT, grad[GRADIENT_DT], u, n);
    if (!status)
        status = dm_back_weight(back, X_BC, grad[GRADIENT_BC], u, n);
    if (!status)
        status = dm_back_multiply(back, transposed->x_dt, grad[GRADIENT_DT], n, true, grad[WIDE_1]);
    return status
               ? status
               : dm_back_multiply(back, transposed->x_BC, grad[GRADIENT_BC], n, true, grad[WIDE_1]);
}

dm_status dm_mamba_outputs_back(const struct dm_layer_back *back) {
    const struct mamba_weights *transposed = back->transposed;
    dm_real *const *grad = back->buffer_grad;
    bool norms = sizes_of(back)[DT_B_C_RMS];
    dm_back_bias(back, OUT_PROJ_BIAS, 0, back->network->config.d_model, back->dresidual,
                 back->n_after);
    dm_status status = dm_back_multiply(back, transposed->out_proj, back->dresidual, back->n_after,
                                        false, grad[WIDE_0]);
    if (status)
        return status;
    scan_back(back);
    adjust_back(back);
    status = gate_back(back);
    if (!status)
        status = delta_back(back, grad[norms ? GRADIENT_RAW_DT : GRADIENT_DT]);
    if (!status && norms)
        part_norms_back(back);
    return status ? status : x_proj_back(back);
}

/* ---- From the convolution down, on all tokens ---- */

/* du -> dx in WIDE_2. */
static void convolution_back(const struct dm_layer_back *back, const dm_real *du) {
    const size_t *size = sizes_of(back);
    dm_real *const *grad = back->buffer_grad;
    size_t E = size[D_INNER];
    const struct dm_batch batch = dm_back_batch(back, false);
    dm_rows_clear(grad[GRADIENT_CONV], size[D_CONV], E);
    const struct causal_conv1d_back conv = {
        .ops = &back->network->ops,
        .op =
            dm_mamba_conv(&batch, back->layer, (struct dm_channel_view){back->in->layer[X], 0, E}),
        .grad = {.dy = du,
                 .dx = grad[WIDE_2],
                 .dweight = grad[GRADIENT_CONV],
                 .dbias = back->gradient[CONV_BIAS_VALUES]},
        .n_token = back->n,
    };
    dm_split(back->network->threads, &conv, run_causal_conv1d_back, E, DM_CHANNEL_BLOCK,
             back->n * size[D_CONV]);
}

/* dA_log = dA * A; both gradients are transposed from the operations' layout. */
static void add_arranged(const struct dm_layer_back *back) {
    const size_t *size = sizes_of(back);
    const dm_real *A = weights_of(back)->A, *dA = back->buffer_grad[GRADIENT_A];
    size_t E = size[D_INNER], N = size[D_STATE];
    dm_real *A_log = back->gradient[A_LOG];
    for (size_t c = 0; c < E && A_log; c++)
        for (size_t n = 0; n < N; n++)
            A_log[c * N + n] += dA[n * E + c] * A[n * E + c];
    dm_add_conv_gradient(back->buffer_grad[GRADIENT_CONV], E, size[D_CONV],
                         back->gradient[CONV_WEIGHT]);
}

dm_status dm_mamba_inputs_back(const struct dm_layer_back *back) {
    const struct mamba_weights *transposed = back->transposed;
    dm_real *const *grad = back->buffer_grad;
    size_t E = sizes_of(back)[D_INNER];
    convolution_back(back, dm_back_spread(back, grad[WIDE_1], E, grad[WIDE_0]));
    add_arranged(back);
    dm_back_bias(back, IN_PROJ_BIAS, 0, E, grad[WIDE_2], back->n);
    dm_status status = dm_back_weight(back, IN_X, grad[WIDE_2], back->in->normed, back->n);
    return status ? status
                  : dm_back_multiply(back, transposed->in_x, grad[WIDE_2], back->n, back->adds,
                                     back->dnormed);
}
