#include "layers/backward.h"

#include "layers/gather.h"
#include "ops/split.h"

dm_status dm_back_weight(const struct dm_layer_back *back, size_t weight, const dm_real *dy,
                         const dm_real *x, size_t n_token) {
    const struct dm_layer_config *config = back->network->layers[back->layer].config;
    const struct dm_matmul_backend *matmul = &back->network->ops.matmul;
    struct dm_weight_row rows[DM_MAX_WEIGHT];
    config->kind->weights(config, rows);
    const struct dm_weight_row *row = &rows[weight];
    dm_real *gradient = back->gradient[row->parameter];
    if (!gradient)
        return DM_OK;
    const struct dm_matmul_grad op = {.n_token = n_token,
                                      .n_in = row->n_in,
                                      .n_out = row->n_out,
                                      .x = x,
                                      .dy = dy,
                                      .dweight = gradient + row->row * row->n_in,
                                      .compute = row->exact ? DM_DTYPE_F32 : back->compute};
    return matmul->weight_gradient(matmul->state, &op, back->network->threads, back->error);
}

dm_status dm_back_multiply(const struct dm_layer_back *back, const struct dm_matrix *transposed,
                           const dm_real *dy, size_t n_token, bool accumulate, dm_real *dx) {
    const struct dm_matmul op = {
        .n_token = n_token, .x = dy, .weight = transposed, .y = dx, .accumulate = accumulate};
    return back->network->ops.matmul.multiply(&op, 1, back->network->threads, back->error);
}

void dm_back_bias(const struct dm_layer_back *back, size_t parameter, size_t first, size_t width,
                  const dm_real *dy, size_t n_token) {
    dm_real *gradient = back->gradient[parameter];
    if (gradient)
        dm_rows_sum(back->network->threads, dy, n_token, width, gradient + first);
}

struct norm {
    const struct dm_ops *ops;
    const struct dm_rms_norm *op;
    const struct dm_rms_norm_grad *grad;
    size_t n_token;
};

static void run_norm(const void *context, size_t first, size_t n) {
    const struct norm *norm = context;
    norm->ops->rms_norm_backward(norm->op, norm->grad, first, n);
}

static void run_norm_weight(const void *context, size_t first, size_t n) {
    const struct norm *norm = context;
    norm->ops->rms_norm_weight_backward(norm->op, norm->grad, norm->n_token, first, n);
}

void dm_back_norm(const struct dm_network *network, const struct dm_rms_norm *op,
                  const struct dm_rms_norm_grad *grad, size_t n_token) {
    const struct norm norm = {&network->ops, op, grad, n_token};
    dm_split(network->threads, &norm, run_norm, n_token, 1, op->width);
    if (grad->dweight)
        dm_split(network->threads, &norm, run_norm_weight, op->width, DM_CHANNEL_BLOCK, n_token);
}

const dm_real *dm_back_spread(const struct dm_layer_back *back, const dm_real *cut, size_t width,
                              dm_real *all) {
    if (!back->kept)
        return cut;
    dm_rows_clear(all, back->n, width);
    dm_rows_scatter_add(back->network->threads, cut, back->kept, back->n_after, width, all);
    return all;
}

struct dm_batch dm_back_batch(const struct dm_layer_back *back, bool after) {
    const struct dm_buffers *at = after ? back->out : back->in;
    return (struct dm_batch){.network = back->network,
                             .at = (struct dm_buffers *)(uintptr_t)at, /* only read */
                             .n_token = after ? back->n_after : back->n,
                             .n_sequence = back->n_sequence,
                             .adjust = back->adjust};
}
