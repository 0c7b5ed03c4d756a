#include "model/mixer.h"

#include "model/split.h"
#include "ops/embedding/embedding.h"

/* ---- Operations over threads ---- */

/* An operation and the network whose table runs it, in the shape that a split calls. */
#define SPLIT_OP(name, operation)                                        \
    struct name##_call {                                                 \
        const struct dm_network *network;                                \
        struct dm_##name op;                                             \
    };                                                                   \
    static void run_##name(const void *opaque, size_t first, size_t n) { \
        const struct name##_call *call = opaque;                         \
        uint64_t begin = dm_clock_begin(call->network->clocks);          \
        call->network->ops.name(&call->op, first, n);                    \
        dm_clock_end(call->network->clocks, operation, begin, 1);        \
    }
SPLIT_OP(rms_norm, DM_OPERATION_NORM)
SPLIT_OP(softplus, DM_OPERATION_SOFTPLUS)
SPLIT_OP(causal_conv1d, DM_OPERATION_CONV)
SPLIT_OP(selective_scan, DM_OPERATION_SCAN)

static void norm_rows(const struct dm_batch *batch, size_t width, dm_real epsilon, const dm_real *x,
                      const dm_real *weight, size_t stride, dm_real *y) {
    struct rms_norm_call call = {batch->network, {width, stride, epsilon, x, weight, y}};
    dm_split(batch->network->threads, &call, run_rms_norm, batch->n_token, 1, width);
}

static dm_status multiply_all(const struct dm_batch *batch, const struct dm_matmul *ops,
                              size_t n_op, enum dm_operation operation, dm_error *error) {
    const struct dm_network *network = batch->network;
    uint64_t begin = dm_clock_begin(network->clocks);
    dm_status status = network->ops.matmul.multiply(ops, n_op, network->threads, error);
    dm_clock_end(network->clocks, operation, begin, dm_threads_count(network->threads));
    return status;
}

static dm_status multiply(const struct dm_batch *batch, const struct dm_matrix *weight,
                          const dm_real *x, bool accumulate, dm_real *y,
                          enum dm_operation operation, dm_error *error) {
    const struct dm_matmul op = {batch->n_token, x, weight, y, accumulate};
    return multiply_all(batch, &op, 1, operation, error);
}

void dm_add_bias(const dm_real *bias, size_t n_token, size_t width, size_t step, dm_real *y) {
    for (size_t t = 0; t < n_token; t++)
        for (size_t i = 0; i < width; i++)
            y[t * step + i] += bias[i];
}

/* ---- The parts of a layer ---- */

struct embedding_call {
    const struct dm_network *network;
    struct dm_embedding op;
};

static void run_embedding(const void *opaque, size_t first, size_t n) {
    const struct embedding_call *call = opaque;
    uint64_t begin = dm_clock_begin(call->network->clocks);
    dm_embedding_forward(&call->op, first, n);
    dm_clock_end(call->network->clocks, DM_OPERATION_EMBEDDING, begin, 1);
}

void dm_embed(const struct dm_batch *batch) {
    const struct dm_network *network = batch->network;
    const struct embedding_call call = {network,
                                        {network->config.d_model, network->embedding,
                                         network->embedding_dtype, batch->at->ids,
                                         batch->at->residual}};
    dm_split(network->threads, &call, run_embedding, batch->n_token, 1, network->config.d_model);
}

void dm_mixer_norm(const struct dm_batch *batch, size_t layer) {
    const struct dm_model_config *config = &batch->network->config;
    norm_rows(batch, config->d_model, (dm_real)config->norm_epsilon, batch->at->residual,
              batch->network->layers[layer].norm, config->d_model, batch->at->normed);
}

void dm_mixer_use_conv_states(const struct dm_batch *batch, size_t layer) {
    size_t offset = layer * dm_state_conv_size(&batch->network->config);
    for (size_t s = 0; s < batch->n_sequence && batch->states; s++)
        batch->at->conv_state[s] = batch->states[s]->conv + offset;
}

void dm_mixer_use_ssm_states(const struct dm_batch *batch, size_t layer) {
    size_t offset = layer * dm_state_ssm_size(&batch->network->config);
    for (size_t s = 0; s < batch->n_sequence && batch->states; s++)
        batch->at->ssm_state[s] = batch->states[s]->ssm + offset;
}

static void convolve(const struct dm_batch *batch, size_t layer) {
    const struct dm_model_config *config = &batch->network->config;
    const struct dm_layer *own = &batch->network->layers[layer];
    struct dm_activations *at = batch->at;
    dm_mixer_use_conv_states(batch, layer);
    struct causal_conv1d_call call = {batch->network,
                                      {batch->n_sequence,
                                       config->d_inner,
                                       config->d_conv,
                                       at->start,
                                       {at->x, 0, config->d_inner},
                                       own->conv_weight,
                                       own->conv_bias,
                                       at->conv_state,
                                       at->u}};
    dm_split(batch->network->threads, &call, run_causal_conv1d, config->d_inner, DM_CHANNEL_BLOCK,
             batch->n_token * config->d_conv);
}

/* falcon-mamba: dt, B and C each pass an RMSNorm without weight. */
static void norm_parts(const struct dm_batch *batch) {
    const struct dm_model_config *config = &batch->network->config;
    const struct dm_activations *at = batch->at;
    dm_real epsilon = (dm_real)config->mixer_norm_epsilon;
    size_t n = config->d_state;
    norm_rows(batch, config->dt_rank, epsilon, at->raw_dt, NULL, config->dt_rank, at->dt);
    norm_rows(batch, n, epsilon, at->raw_BC, NULL, 2 * n, at->BC);
    norm_rows(batch, n, epsilon, at->raw_BC + n, NULL, 2 * n, at->BC + n);
}

dm_status dm_mixer_inputs(const struct dm_batch *batch, size_t layer, dm_error *error) {
    const struct dm_model_config *config = &batch->network->config;
    const struct dm_layer *own = &batch->network->layers[layer];
    struct dm_activations *at = batch->at;
    dm_status status =
        multiply(batch, own->project.in_x, at->normed, false, at->x, DM_OPERATION_IN_PROJ, error);
    if (status)
        return status;
    if (own->in_bias)
        dm_add_bias(own->in_bias, batch->n_token, config->d_inner, config->d_inner, at->x);
    convolve(batch, layer);
    return dm_mixer_parameters(batch, layer, error);
}

dm_status dm_mixer_parameters(const struct dm_batch *batch, size_t layer, dm_error *error) {
    const struct dm_layer *own = &batch->network->layers[layer];
    const struct dm_activations *at = batch->at;
    const struct dm_matmul x_proj[] = {
        {batch->n_token, at->u, own->project.x_dt, at->raw_dt, false},
        {batch->n_token, at->u, own->project.x_BC, at->raw_BC, false}};
    dm_status status = multiply_all(batch, x_proj, 2, DM_OPERATION_X_PROJ, error);
    if (!status && batch->network->config.mixer_norms)
        norm_parts(batch);
    return status;
}

dm_status dm_mixer_delta(const struct dm_batch *batch, size_t layer, dm_error *error) {
    const struct dm_layer *own = &batch->network->layers[layer];
    size_t d_inner = batch->network->config.d_inner;
    dm_status status = multiply(batch, own->project.dt_proj, batch->at->dt, false, batch->at->delta,
                                DM_OPERATION_DT_PROJ, error);
    if (status)
        return status;
    struct softplus_call call = {batch->network, {d_inner, own->dt_bias, batch->at->delta}};
    dm_split(batch->network->threads, &call, run_softplus, batch->n_token, 1, d_inner);
    return batch->observe ? batch->observe(batch->observer, batch, layer, error) : DM_OK;
}

void dm_mixer_score(const struct dm_batch *batch, const struct dm_context *context,
                    const struct dm_stage *stage) {
    const struct dm_stage_input input = {.n_token = batch->n_token,
                                         .n_sequence = batch->n_sequence,
                                         .start = batch->at->start,
                                         .first_position = batch->first_position,
                                         .d_model = batch->network->config.d_model,
                                         .d_inner = batch->network->config.d_inner,
                                         .residual = batch->at->residual,
                                         .delta = batch->at->delta};
    if (context->hooks->score)
        context->hooks->score(context, stage, &input, &batch->network->ops, batch->at->score);
}

static void scan(const struct dm_batch *batch, size_t layer) {
    const struct dm_model_config *config = &batch->network->config;
    const struct dm_layer *own = &batch->network->layers[layer];
    struct dm_activations *at = batch->at;
    dm_mixer_use_ssm_states(batch, layer);
    struct selective_scan_call call = {batch->network,
                                       {batch->n_sequence,
                                        config->d_inner,
                                        config->d_state,
                                        at->start,
                                        at->u,
                                        {at->delta, 0, config->d_inner},
                                        own->A,
                                        at->BC,
                                        own->D,
                                        {at->z, 0, config->d_inner},
                                        at->ssm_state,
                                        at->y,
                                        at->checkpoints}};
    dm_split(batch->network->threads, &call, run_selective_scan, config->d_inner, DM_CHANNEL_BLOCK,
             batch->n_token * config->d_state);
}

dm_status dm_mixer_scan(const struct dm_batch *batch, size_t layer, dm_error *error) {
    const struct dm_model_config *config = &batch->network->config;
    const struct dm_layer *own = &batch->network->layers[layer];
    struct dm_activations *at = batch->at;
    dm_status status =
        multiply(batch, own->project.in_z, at->normed, false, at->z, DM_OPERATION_IN_PROJ, error);
    if (status)
        return status;
    if (own->in_bias)
        dm_add_bias(own->in_bias + config->d_inner, batch->n_token, config->d_inner,
                    config->d_inner, at->z);
    scan(batch, layer);
    return DM_OK;
}

dm_status dm_mixer_outputs(const struct dm_batch *batch, size_t layer, dm_error *error) {
    const struct dm_layer *own = &batch->network->layers[layer];
    struct dm_activations *at = batch->at;
    size_t d_model = batch->network->config.d_model;
    dm_status status = dm_mixer_scan(batch, layer, error);
    if (!status)
        status = multiply(batch, own->project.out_proj, at->y, true, at->residual,
                          DM_OPERATION_OUT_PROJ, error);
    if (!status && own->out_bias)
        dm_add_bias(own->out_bias, batch->n_token, d_model, d_model, at->residual);
    return status;
}

dm_status dm_head(const struct dm_batch *batch, dm_real *logits, dm_error *error) {
    const struct dm_network *network = batch->network;
    size_t d_model = network->config.d_model;
    norm_rows(batch, d_model, (dm_real)network->config.norm_epsilon, batch->at->residual,
              network->final_norm, d_model, batch->at->normed);
    return multiply(batch, network->head, batch->at->normed, false, logits, DM_OPERATION_HEAD,
                    error);
}
