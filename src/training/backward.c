/* A layer's backward pass: from the gradient of the residual above it to that below. The parts
 * follow mixer.c from its end to its beginning. */
#include <string.h>

#include "model/split.h"
#include "ops/embedding/embedding.h"
#include "training/pass.h"
#include "training/rows.h"

/* A layer at work. */
struct work {
    struct dm_pass *pass;
    const struct dm_network *network;
    const struct dm_model_config *config;
    size_t layer;
    const struct dm_layer *own;
    const struct dm_projections *back;
    struct dm_layer_pass *at;
    struct dm_pass_gradients *to;
    size_t n, n_after; /* tokens that enter; that the scan sees */
    dm_error *error;
};

/* NULL: the model does not have it, or nobody wants it. */
static dm_real *gradient_of(const struct work *work, enum dm_parameter parameter) {
    const struct dm_tensor *tensor =
        dm_tensors_find(&work->pass->trained->tensors, parameter, work->layer);
    return tensor ? tensor->gradient : NULL;
}

/* ---- Operations over threads ---- */

#define BACKWARD_OP(name, call)                                                 \
    struct name##_back {                                                        \
        const struct dm_ops *ops;                                               \
        struct dm_##name op;                                                    \
        struct dm_##name##_grad grad;                                           \
        size_t n_token;                                                         \
    };                                                                          \
    static void run_##name##_back(const void *opaque, size_t first, size_t n) { \
        const struct name##_back *back = opaque;                                \
        call;                                                                   \
    }
BACKWARD_OP(rms_norm, back->ops->rms_norm_backward(&back->op, &back->grad, first, n))
BACKWARD_OP(softplus, back->ops->softplus_backward(&back->op, &back->grad, back->n_token, first, n))
BACKWARD_OP(causal_conv1d, back->ops->causal_conv1d_backward(&back->op, &back->grad, first, n))
BACKWARD_OP(selective_scan, back->ops->selective_scan_backward(&back->op, &back->grad, first, n))

static void run_rms_norm_weight_back(const void *opaque, size_t first, size_t n) {
    const struct rms_norm_back *back = opaque;
    back->ops->rms_norm_weight_backward(&back->op, &back->grad, back->n_token, first, n);
}

struct sum_parts {
    const struct selective_scan_back *back;
    dm_real *dBC;
};
static void run_sum_parts(const void *opaque, size_t first, size_t n) {
    const struct sum_parts *sum = opaque;
    dm_selective_scan_sum_parts(&sum->back->op, &sum->back->grad, sum->dBC, first, n);
}

void dm_pass_norm_back(const struct dm_pass *pass, const struct dm_rms_norm *op,
                       const struct dm_rms_norm_grad *grad, size_t n_token) {
    const struct dm_network *network = &pass->trained->network;
    const struct rms_norm_back back = {&network->ops, *op, *grad, n_token};
    dm_split(network->threads, &back, run_rms_norm_back, n_token, 1, op->width);
    if (grad->dweight)
        dm_split(network->threads, &back, run_rms_norm_weight_back, op->width, DM_CHANNEL_BLOCK,
                 n_token);
}

/* dx (+)= dy W. */
static dm_status multiply(const struct work *work, const struct dm_matrix *weight,
                          const dm_real *dy, size_t n_token, bool accumulate, dm_real *dx) {
    const struct dm_matmul op = {n_token, dy, weight, dx, accumulate};
    return work->network->ops.matmul.multiply(&op, 1, work->network->threads, work->error);
}

/* Rows [row, row + n_out) of a parameter get dy' x. */
static dm_status add_weight(const struct work *work, enum dm_parameter parameter, size_t row,
                            size_t n_out, size_t n_in, const dm_real *dy, const dm_real *x,
                            size_t n_token) {
    dm_real *gradient = gradient_of(work, parameter);
    if (!gradient)
        return DM_OK;
    bool small = parameter == DM_X_PROJ || parameter == DM_DT_PROJ;
    const struct dm_matmul_grad op = {n_token,
                                      n_in,
                                      n_out,
                                      x,
                                      dy,
                                      gradient + row * n_in,
                                      small ? DM_DTYPE_F32 : work->pass->trained->compute};
    const struct dm_matmul_backend *matmul = &work->network->ops.matmul;
    return matmul->weight_gradient(matmul->state, &op, work->network->threads, work->error);
}

static void add_bias(const struct work *work, enum dm_parameter parameter, size_t first,
                     size_t width, const dm_real *dy, size_t n_token) {
    dm_real *gradient = gradient_of(work, parameter);
    if (gradient)
        dm_rows_sum(work->network->threads, dy, n_token, width, gradient + first);
}

/* ---- From out_proj down to the scan's inputs, on the tokens that are kept ---- */

/* wide[0] = the gradient of y. */
static dm_status outputs_back(const struct work *work) {
    const struct dm_pass_gradients *to = work->to;
    add_bias(work, DM_OUT_PROJ_BIAS, 0, work->config->d_model, to->dresidual, work->n_after);
    return multiply(work, work->back->out_proj, to->dresidual, work->n_after, false, to->wide[0]);
}

/* The gradient of A_log is that of A times A; the operations' layout is the transpose. */
static void add_layouts(const struct work *work) {
    size_t E = work->config->d_inner, N = work->config->d_state, K = work->config->d_conv;
    dm_real *A_log = gradient_of(work, DM_A_LOG), *conv = gradient_of(work, DM_CONV_WEIGHT);
    for (size_t c = 0; c < E && A_log; c++)
        for (size_t n = 0; n < N; n++)
            A_log[c * N + n] += work->to->A[n * E + c] * work->own->A[n * E + c];
    for (size_t c = 0; c < E && conv; c++)
        for (size_t k = 0; k < K; k++)
            conv[c * K + k] += work->to->conv_weight[k * E + c];
}

/* From wide[0], dy: dz in its place, du in wide[1], ddelta in wide[2], dBC; y once more. */
static void scan_back(const struct work *work) {
    const struct dm_model_config *config = work->config;
    const struct dm_activations *out = &work->at->out;
    struct dm_pass_gradients *to = work->to;
    dm_real *dD = gradient_of(work, DM_D);
    dm_rows_clear(to->A, config->d_state, config->d_inner);
    dm_pass_clear_states(work->pass);
    struct selective_scan_back back = {&work->network->ops,
                                       {work->pass->batch->n_sequence,
                                        config->d_inner,
                                        config->d_state,
                                        out->start,
                                        out->u,
                                        {out->delta, 0, config->d_inner},
                                        work->own->A,
                                        out->BC,
                                        work->own->D,
                                        {out->z, 0, config->d_inner},
                                        out->ssm_state,
                                        out->y,
                                        out->checkpoints},
                                       {to->wide[0], to->wide[1], to->wide[2], to->wide[0], out->y,
                                        to->A, dD, to->BC_parts, out->ssm_state},
                                       work->n_after};
    if (!dD) /* the operation always gives it: into what is scratch by now */
        back.grad.dD = to->conv_weight;
    dm_split(work->network->threads, &back, run_selective_scan_back, config->d_inner, DM_SCAN_BLOCK,
             work->n_after * config->d_state);
    const struct sum_parts sum = {&back, config->mixer_norms ? to->BC_raw : to->BC};
    dm_split(work->network->threads, &sum, run_sum_parts, work->n_after, 1, config->d_inner);
}

/* out_proj's and in_z's weights, and what normed gets through z. */
static dm_status gate_back(const struct work *work, dm_real *dnormed) {
    const struct dm_activations *out = &work->at->out;
    const struct dm_pass_gradients *to = work->to;
    size_t E = work->config->d_inner, D = work->config->d_model, n = work->n_after;
    add_bias(work, DM_IN_PROJ_BIAS, E, E, to->wide[0], n);
    dm_status status = add_weight(work, DM_OUT_PROJ, 0, D, E, to->dresidual, out->y, n);
    if (!status)
        status = add_weight(work, DM_IN_PROJ, E, E, D, to->wide[0], out->normed, n);
    if (!status)
        status = multiply(work, work->back->in_z, to->wide[0], n, false, dnormed);
    return status;
}

/* wide[2], ddelta, becomes the gradient of dt_proj's output; then dt_proj. */
static dm_status delta_back(const struct work *work, dm_real *ddt) {
    const struct dm_activations *out = &work->at->out;
    const struct dm_pass_gradients *to = work->to;
    size_t E = work->config->d_inner, R = work->config->dt_rank, n = work->n_after;
    dm_real *dbias = gradient_of(work, DM_DT_BIAS);
    const struct softplus_back back = {&work->network->ops,
                                       {E, work->own->dt_bias, out->delta},
                                       {to->wide[2], dbias ? dbias : to->conv_weight},
                                       n};
    dm_split(work->network->threads, &back, run_softplus_back, E, DM_CHANNEL_BLOCK, n);
    dm_status status = add_weight(work, DM_DT_PROJ, 0, E, R, to->wide[2], out->dt, n);
    return status ? status : multiply(work, work->back->dt_proj, to->wide[2], n, false, ddt);
}

/* falcon-mamba: one of the norms without weight on dt, B and C; dx is cleared first. */
static void part_norm_back(const struct work *work, const dm_real *x, const dm_real *dy,
                           dm_real *dx, size_t width, size_t stride) {
    const struct dm_rms_norm op = {width, stride, (dm_real)work->config->mixer_norm_epsilon,
                                   x,     NULL,   NULL};
    const struct dm_rms_norm_grad grad = {dy, dx, work->to->rstd, NULL};
    dm_pass_norm_back(work->pass, &op, &grad, work->n_after);
}

static void part_norms_back(const struct work *work) {
    const struct dm_activations *out = &work->at->out;
    const struct dm_pass_gradients *to = work->to;
    size_t N = work->config->d_state, R = work->config->dt_rank;
    dm_rows_clear(to->dt, work->n_after, R);
    dm_rows_clear(to->BC, work->n_after, 2 * N);
    part_norm_back(work, out->raw_dt, to->dt_raw, to->dt, R, R);
    part_norm_back(work, out->raw_BC, to->BC_raw, to->BC, N, 2 * N);
    part_norm_back(work, out->raw_BC + N, to->BC_raw + N, to->BC + N, N, 2 * N);
}

/* wide[1], du, gets what x_proj gives it. */
static dm_status x_proj_back(const struct work *work) {
    const struct dm_activations *out = &work->at->out;
    const struct dm_pass_gradients *to = work->to;
    size_t E = work->config->d_inner, N = work->config->d_state, R = work->config->dt_rank;
    size_t n = work->n_after;
    dm_status status = add_weight(work, DM_X_PROJ, 0, R, E, to->dt, out->u, n);
    if (!status)
        status = add_weight(work, DM_X_PROJ, R, 2 * N, E, to->BC, out->u, n);
    if (!status)
        status = multiply(work, work->back->x_dt, to->dt, n, true, to->wide[1]);
    return status ? status : multiply(work, work->back->x_BC, to->BC, n, true, to->wide[1]);
}

/* ---- From the convolution down, on all tokens ---- */

/* From du: dx in wide[2]. */
static void convolution_back(const struct work *work, const dm_real *du) {
    const struct dm_model_config *config = work->config;
    const struct dm_activations *in = &work->at->in;
    struct dm_pass_gradients *to = work->to;
    dm_real *dbias = gradient_of(work, DM_CONV_BIAS);
    dm_rows_clear(to->conv_weight, config->d_conv, config->d_inner);
    dm_pass_clear_states(work->pass);
    const struct causal_conv1d_back back = {&work->network->ops,
                                            {work->pass->batch->n_sequence,
                                             config->d_inner,
                                             config->d_conv,
                                             in->start,
                                             {in->x, 0, config->d_inner},
                                             work->own->conv_weight,
                                             work->own->conv_bias,
                                             in->conv_state,
                                             NULL},
                                            {du, to->wide[2], to->conv_weight, dbias, NULL},
                                            work->n};
    dm_split(work->network->threads, &back, run_causal_conv1d_back, config->d_inner,
             DM_CHANNEL_BLOCK, work->n * config->d_conv);
}

/* Through in_x; dnormed [n] accumulates, or begins here. */
static dm_status in_x_back(const struct work *work, bool accumulate) {
    const struct dm_pass_gradients *to = work->to;
    size_t E = work->config->d_inner, D = work->config->d_model;
    add_bias(work, DM_IN_PROJ_BIAS, 0, E, to->wide[2], work->n);
    dm_status status =
        add_weight(work, DM_IN_PROJ, 0, E, D, to->wide[2], work->at->in.normed, work->n);
    return status ? status
                  : multiply(work, work->back->in_x, to->wide[2], work->n, accumulate, to->dnormed);
}

static void norm_back(const struct work *work) {
    const struct dm_pass_gradients *to = work->to;
    size_t D = work->config->d_model;
    const struct dm_rms_norm op = {
        D, D, (dm_real)work->config->norm_epsilon, work->at->in.residual, work->own->norm, NULL};
    const struct dm_rms_norm_grad grad = {to->dnormed, to->dresidual, to->rstd,
                                          gradient_of(work, DM_NORM)};
    dm_pass_norm_back(work->pass, &op, &grad, work->n);
}

/* Rows of the kept tokens go to their places among all; the others get 0. Returns du. */
static const dm_real *spread(const struct work *work) {
    struct dm_threads *threads = work->network->threads;
    struct dm_pass_gradients *to = work->to;
    size_t E = work->config->d_inner, D = work->config->d_model;
    if (!work->at->stage)
        return to->wide[1];
    dm_rows_clear(to->wide[0], work->n, E);
    dm_rows_scatter_add(threads, to->wide[1], work->at->kept, work->n_after, E, to->wide[0]);
    dm_rows_clear(to->dresidual_below, work->n, D);
    dm_rows_scatter_add(threads, to->dresidual, work->at->kept, work->n_after, D,
                        to->dresidual_below);
    dm_real *below = to->dresidual_below;
    to->dresidual_below = to->dresidual;
    to->dresidual = below;
    return to->wide[0];
}

dm_status dm_pass_layer_back(struct dm_pass *pass, size_t layer, dm_error *error) {
    struct dm_trained_network *trained = pass->trained;
    struct dm_layer_pass *at = &pass->layers[layer];
    struct dm_pass_gradients *to = &pass->gradients;
    const struct work work = {pass,
                              &trained->network,
                              &trained->network.config,
                              layer,
                              &trained->network.layers[layer],
                              &trained->back[layer],
                              at,
                              to,
                              at->before->n_token,
                              at->after->n_token,
                              error};
    bool norms = work.config->mixer_norms;
    dm_status status = dm_pass_restore(pass, layer, error);
    if (!status)
        status = outputs_back(&work);
    if (status)
        return status;
    scan_back(&work);
    status = gate_back(&work, at->stage ? to->dnormed_cut : to->dnormed);
    if (!status)
        status = delta_back(&work, norms ? to->dt_raw : to->dt);
    if (!status && norms)
        part_norms_back(&work);
    if (!status)
        status = x_proj_back(&work);
    if (status)
        return status;
    convolution_back(&work, spread(&work));
    add_layouts(&work);
    status = in_x_back(&work, !at->stage);
    if (status)
        return status;
    if (at->stage)
        dm_rows_scatter_add(work.network->threads, to->dnormed_cut, at->kept, work.n_after,
                            work.config->d_model, to->dnormed);
    norm_back(&work);
    return DM_OK;
}
