#include "session/ubatch.h"

#include "base/memory.h"
#include "session/nan_check.h"

/* Tells the probes of the ubatch's sessions what a layer computes. */
static void show(const struct dm_ubatch *ubatch, const struct dm_batch *batch, size_t layer) {
    const struct dm_layer_kind *kind = dm_layer_kind_of(batch->network, layer);
    const struct dm_buffers *at = batch->at;
    for (size_t s = 0; s < batch->n_sequence; s++) {
        const struct dm_session *session = ubatch->active[s];
        if (!session->probe || !kind->show)
            continue;
        bool kept = session->chunk_kept && session->chunk_layer == layer;
        dm_probe_view view = {
            .struct_size = sizeof view,
            .layer = layer,
            .n_token = at->start[s + 1] - at->start[s],
            .first_position = session->chunk_first,
            .kept = kept ? session->chunk_kept : NULL,
        };
        kind->show(batch, layer, at->start[s], &view);
        session->probe(&view, session->probe_user);
    }
}

static dm_status observe(void *observer, const struct dm_batch *batch, size_t layer,
                         dm_error *error) {
    const struct dm_ubatch *ubatch = observer;
    dm_status status = ubatch->model->check ? dm_check_layer(batch, layer, error) : DM_OK;
    if (!status)
        show(ubatch, batch, layer);
    return status;
}

static bool allocate(struct dm_ubatch *ubatch, size_t n_session) {
    ubatch->active = dm_memory_array(n_session, sizeof *ubatch->active);
    ubatch->states = dm_memory_array(n_session, sizeof *ubatch->states);
    ubatch->first_position = dm_memory_array(n_session, sizeof *ubatch->first_position);
    ubatch->done = dm_memory_zeroed(n_session, sizeof *ubatch->done);
    return ubatch->active && ubatch->states && ubatch->first_position && ubatch->done;
}

dm_status dm_ubatch_new(const struct dm_model *model, size_t n_session, struct dm_ubatch **result,
                        dm_error *error) {
    const struct dm_matmul_backend *matmul = &model->network.ops.matmul;
    struct dm_ubatch *ubatch = dm_memory_zeroed(1, sizeof *ubatch);
    if (!ubatch)
        return dm_fail_memory(error, "a batch");
    ubatch->model = model;
    ubatch->batch.network = &model->network;
    dm_status status =
        allocate(ubatch, n_session) ? DM_OK : dm_fail_memory(error, "a batch of sessions");
    if (!status)
        status = dm_model_take_buffers(model, &ubatch->batch.at, error);
    if (!status)
        status = matmul->begin(matmul->state, dm_threads_count(model->network.threads), error);
    ubatch->began = status == DM_OK;
    if (status) {
        dm_ubatch_free(ubatch);
        return status;
    }
    ubatch->batch.states = ubatch->states;
    ubatch->batch.first_position = ubatch->first_position;
    dm_ubatch_clear(ubatch);
    *result = ubatch;
    return DM_OK;
}

void dm_ubatch_free(struct dm_ubatch *ubatch) {
    if (!ubatch)
        return;
    if (ubatch->began)
        ubatch->batch.network->ops.matmul.end(ubatch->batch.network->ops.matmul.state);
    if (ubatch->batch.at)
        dm_model_give_back_buffers(ubatch->model, ubatch->batch.at);
    dm_memory_free(ubatch->active);
    dm_memory_free(ubatch->states);
    dm_memory_free(ubatch->first_position);
    dm_memory_free(ubatch->done);
    dm_memory_free(ubatch);
}

void dm_ubatch_clear(struct dm_ubatch *ubatch) {
    ubatch->batch.n_token = ubatch->batch.n_sequence = 0;
    ubatch->batch.at->start[0] = 0;
    ubatch->batch.observe = ubatch->model->check ? observe : NULL;
    ubatch->batch.observer = ubatch;
}

void dm_ubatch_add(struct dm_ubatch *ubatch, struct dm_session *session, size_t n_token) {
    struct dm_batch *batch = &ubatch->batch;
    ubatch->active[batch->n_sequence] = session;
    ubatch->states[batch->n_sequence] = &session->state;
    ubatch->first_position[batch->n_sequence] = session->chunk_first;
    batch->n_token += n_token;
    batch->at->start[++batch->n_sequence] = batch->n_token;
    batch->adjust = dm_method_adjust(session->method, batch->is_step);
    if (session->probe)
        batch->observe = observe;
}
