#include "model/run.h"

#include <string.h>

#include "layers/products.h"
#include "ops/embedding/embedding.h"
#include "ops/split.h"

/* ---- Around the layers ---- */

struct embedding_call {
    const struct dm_network *network;
    struct dm_embedding op;
};

static void run_embedding(const void *opaque, size_t first, size_t n) {
    const struct embedding_call *call = opaque;
    uint64_t begin = dm_profile_begin(call->network->profile);
    dm_embedding_forward(&call->op, first, n);
    dm_profile_end(call->network->profile, DM_OPERATION_EMBEDDING, begin, 1);
}

void dm_embed(const struct dm_batch *batch) {
    const struct dm_network *network = batch->network;
    const struct embedding_call call = {network,
                                        {network->config.d_model, network->embedding,
                                         network->embedding_dtype, network->embedding_blocks,
                                         batch->at->ids, batch->at->residual}};
    dm_split(network->threads, &call, run_embedding, batch->n_token, 1, network->config.d_model);
}

static void norm_residual(const struct dm_batch *batch, const dm_real *weight) {
    const struct dm_model_config *config = &batch->network->config;
    const struct dm_rms_norm op = {.width = config->d_model,
                                   .stride = config->d_model,
                                   .epsilon = (dm_real)config->rms_norm_eps,
                                   .x = batch->at->residual,
                                   .weight = weight,
                                   .y = batch->at->normed};
    dm_norm_rows(batch, &op);
}

dm_status dm_head(const struct dm_batch *batch, dm_real *logits, dm_error *error) {
    const struct dm_network *network = batch->network;
    norm_residual(batch, network->final_norm);
    return dm_multiply(batch, network->head, batch->at->normed, false, logits, DM_OPERATION_HEAD,
                       error);
}

/* ---- Layers ---- */

void dm_batch_use_layer(const struct dm_batch *batch, size_t layer) {
    const struct dm_model_config *config = &batch->network->config;
    struct dm_buffers *at = batch->at;
    size_t sort = dm_sort_of(config, layer);
    if (!batch->states)
        return;
    memcpy(at->layer, at->sorts[sort], sizeof at->layer);
    for (size_t i = 0; i < config->sorts[sort].kind->n_state; i++) {
        size_t offset = dm_state_offset(config, layer, i);
        for (size_t s = 0; s < batch->n_sequence; s++)
            at->state[i][s] = batch->states[s]->values + offset;
    }
}

void dm_layer_norm(const struct dm_batch *batch, size_t layer) {
    norm_residual(batch, batch->network->layers[layer].norm);
}

dm_status dm_layer_inputs(const struct dm_batch *batch, size_t layer, dm_error *error) {
    dm_batch_use_layer(batch, layer);
    dm_layer_norm(batch, layer);
    return dm_layer_kind_of(batch->network, layer)->inputs(batch, layer, error);
}

dm_status dm_layer_delta(const struct dm_batch *batch, size_t layer, dm_error *error) {
    const struct dm_layer_kind *kind = dm_layer_kind_of(batch->network, layer);
    dm_batch_use_layer(batch, layer);
    dm_status status = kind->delta ? kind->delta(batch, layer, error) : DM_OK;
    return status || !batch->observe ? status
                                     : batch->observe(batch->observer, batch, layer, error);
}

dm_status dm_layer_outputs(const struct dm_batch *batch, size_t layer, dm_error *error) {
    dm_batch_use_layer(batch, layer);
    return dm_layer_kind_of(batch->network, layer)->outputs(batch, layer, error);
}

static dm_status run_layer(const struct dm_batch *batch, size_t layer, dm_error *error) {
    const struct dm_layer_kind *kind = dm_layer_kind_of(batch->network, layer);
    dm_status status = dm_layer_inputs(batch, layer, error);
    if (!status && kind->rest && dm_batch_is_sliced_to_end(batch))
        return kind->rest(batch, layer, error);
    if (!status)
        status = dm_layer_delta(batch, layer, error);
    return status ? status : dm_layer_outputs(batch, layer, error);
}

dm_status dm_layers(const struct dm_batch *batch, size_t first, size_t end, dm_error *error) {
    dm_status status = DM_OK;
    for (size_t layer = first; layer < end && !status; layer++)
        status = run_layer(batch, layer, error);
    return status;
}

/* ---- Slices ---- */

void dm_plan_slices(struct dm_network *network) {
    const struct dm_model_config *config = &network->config;
    struct dm_slice_plan all = {.n_worker = dm_threads_count(network->threads)};
    bool can = true;
    for (size_t layer = 0; layer < config->n_layer && can; layer++) {
        const struct dm_layer_kind *kind = dm_layer_kind_of(network, layer);
        struct dm_slice_plan own = {.n_worker = all.n_worker};
        if (!kind->plan_slices)
            continue;
        can = kind->plan_slices(&network->layers[layer], &network->ops.matmul, &own);
        all.n_worker = own.n_worker;
        all.width = own.width > all.width ? own.width : all.width;
        all.row_bytes = own.row_bytes > all.row_bytes ? own.row_bytes : all.row_bytes;
        if (config->n_sort == 1)
            break; /* the first layer tells */
    }
    if (!can)
        all.width = all.row_bytes = 0;
    network->slices = all;
}
