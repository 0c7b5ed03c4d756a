#include "session/round.h"

#include "base/memory.h"
#include "session/check.h"

/* Tells the probes of the round's sessions what a layer computes. */
static void show(const struct dm_round *round, const struct dm_batch *batch, size_t layer) {
    const struct dm_layer_kind *kind = dm_layer_kind_of(batch->network, layer);
    const struct dm_buffers *at = batch->at;
    for (size_t s = 0; s < batch->n_sequence; s++) {
        const struct dm_session *session = round->active[s];
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
    const struct dm_round *round = observer;
    dm_status status = round->model->check ? dm_check_layer(batch, layer, error) : DM_OK;
    if (!status)
        show(round, batch, layer);
    return status;
}

static bool allocate(struct dm_round *round, size_t n_session) {
    round->active = dm_memory_array(n_session, sizeof *round->active);
    round->states = dm_memory_array(n_session, sizeof *round->states);
    round->first_position = dm_memory_array(n_session, sizeof *round->first_position);
    round->done = dm_memory_zeroed(n_session, sizeof *round->done);
    return round->active && round->states && round->first_position && round->done;
}

dm_status dm_round_new(const struct dm_model *model, size_t n_session, struct dm_round **result,
                       dm_error *error) {
    const struct dm_matmul_backend *matmul = &model->network.ops.matmul;
    struct dm_round *round = dm_memory_zeroed(1, sizeof *round);
    if (!round)
        return dm_fail_memory(error, "a batch");
    round->model = model;
    round->batch.network = &model->network;
    dm_status status =
        allocate(round, n_session) ? DM_OK : dm_fail_memory(error, "a batch of sessions");
    if (!status)
        status = dm_model_take_buffers(model, &round->batch.at, error);
    if (!status)
        status = matmul->begin(matmul->state, dm_threads_count(model->network.threads), error);
    round->began = status == DM_OK;
    if (status) {
        dm_round_free(round);
        return status;
    }
    round->batch.states = round->states;
    round->batch.first_position = round->first_position;
    dm_round_clear(round);
    *result = round;
    return DM_OK;
}

void dm_round_free(struct dm_round *round) {
    if (!round)
        return;
    if (round->began)
        round->batch.network->ops.matmul.end(round->batch.network->ops.matmul.state);
    if (round->batch.at)
        dm_model_give_back_buffers(round->model, round->batch.at);
    dm_memory_free(round->active);
    dm_memory_free(round->states);
    dm_memory_free(round->first_position);
    dm_memory_free(round->done);
    dm_memory_free(round);
}

void dm_round_clear(struct dm_round *round) {
    round->batch.n_token = round->batch.n_sequence = 0;
    round->batch.at->start[0] = 0;
    round->batch.observe = round->model->check ? observe : NULL;
    round->batch.observer = round;
}

void dm_round_add(struct dm_round *round, struct dm_session *session, size_t n_token) {
    struct dm_batch *batch = &round->batch;
    round->active[batch->n_sequence] = session;
    round->states[batch->n_sequence] = &session->state;
    round->first_position[batch->n_sequence] = session->chunk_first;
    batch->n_token += n_token;
    batch->at->start[++batch->n_sequence] = batch->n_token;
    if (session->probe)
        batch->observe = observe;
}
