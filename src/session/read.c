/* Reading: tokens through stage 0 as they come, many sessions as one packed batch. */
#include <string.h>

#include "base/progress.h"
#include "session/nan_check.h"
#include "session/ubatch.h"

size_t dm_session_pool_parts(const struct dm_batch *batch, size_t layer, size_t row,
                             float *parts[DM_POOL_MAX_PART]) {
    const struct dm_layer_config *own = batch->network->layers[layer].config;
    struct dm_buffer_row rows[DM_MAX_BUFFER];
    size_t n = dm_buffers_of_token(own, false, rows), n_part = 0;
    dm_batch_use_layer(batch, layer);
    parts[n_part++] = batch->at->residual + row * own->d_model;
    for (size_t i = 0; i < n; i++)
        if (rows[i].carried)
            parts[n_part++] = batch->at->layer[i] + row * rows[i].width;
    return n_part;
}

dm_status dm_session_score(const struct dm_batch *batch, const struct dm_method *method,
                           const struct dm_stage *stage, dm_error *error) {
    dm_status status = dm_layer_inputs(batch, stage->layer, error);
    if (!status)
        status = dm_layer_delta(batch, stage->layer, error);
    if (!status)
        dm_layer_score(batch, method, stage);
    return status;
}

void dm_session_push(struct dm_session *session, const struct dm_batch *batch, size_t row,
                     size_t n_token, const struct dm_stage *next, struct dm_token_pool *pool) {
    const struct dm_buffers *at = batch->at;
    if (!next) {
        dm_row_ring_push(&session->tail, at->residual + row * session->tail.width, n_token);
        return;
    }
    float *parts[DM_POOL_MAX_PART];
    dm_session_pool_parts(batch, next->layer, row, parts);
    dm_token_pool_offer(pool, pool->scored ? at->score + row : NULL, (const float *const *)parts,
                        n_token);
}

/* Sequence s of the batch has passed stage 0. */
static void collect(struct dm_session *session, const struct dm_batch *batch, size_t s) {
    size_t row = batch->at->start[s], n = batch->at->start[s + 1] - row;
    session->n_token += n;
    dm_session_push(session, batch, row, n,
                    session->method->n_stage ? &session->method->stages[0] : NULL, &session->pool);
}

dm_status dm_session_stage_0(struct dm_ubatch *ubatch, const struct dm_method *method,
                             dm_error *error) {
    const struct dm_batch *batch = &ubatch->batch;
    const struct dm_stage *stage = method->n_stage ? &method->stages[0] : NULL;
    size_t end = stage ? stage->layer : batch->network->config.n_layer;
    dm_embed(batch);
    dm_status status = dm_layers(batch, 0, end, error);
    if (!status && stage)
        status = dm_session_score(batch, method, stage, error);
    if (!status && !stage && ubatch->model->check)
        status = dm_check_residual(batch, error);
    for (size_t s = 0; s < batch->n_sequence; s++)
        if (status)
            ubatch->active[s]->invalid = true;
        else
            collect(ubatch->active[s], batch, s);
    return status;
}

/* Packs tokens up to the capacity: an even share of what every session has left. */
static void pack(struct dm_ubatch *ubatch, struct dm_session *const *sessions, size_t n_session,
                 const int32_t *const *ids, const size_t *n_id) {
    const struct dm_batch *batch = &ubatch->batch;
    size_t capacity = batch->at->capacity, n_left = 0;
    for (size_t s = 0; s < n_session; s++)
        n_left += ubatch->done[s] < n_id[s];
    size_t share = n_left && n_left < capacity ? capacity / n_left : 1;
    dm_ubatch_clear(ubatch);
    for (size_t s = 0; s < n_session && batch->n_token < capacity; s++) {
        size_t n = n_id[s] - ubatch->done[s];
        n = n < share ? n : share;
        if (n == 0)
            continue;
        memcpy(batch->at->ids + batch->n_token, ids[s] + ubatch->done[s], n * sizeof **ids);
        ubatch->done[s] += n;
        sessions[s]->chunk_first = sessions[s]->n_token;
        sessions[s]->chunk_kept = NULL;
        dm_ubatch_add(ubatch, sessions[s], n);
    }
}

/* One batch of them. */
static dm_status read_ubatch(struct dm_ubatch *ubatch, const struct dm_method *method,
                             const struct dm_reading_watch *watch, dm_error *error) {
    dm_status status = dm_session_stage_0(ubatch, method, error);
    for (size_t s = 0; s < ubatch->batch.n_sequence; s++)
        ubatch->active[s]->can_step = ubatch->active[s]->logits_valid = !method->n_stage;
    return status || !watch ? status : watch->see(ubatch, watch->user, error);
}

static size_t total_of(const size_t *n, size_t n_session) {
    size_t total = 0;
    for (size_t s = 0; s < n_session; s++)
        total += n[s];
    return total;
}

/* What a call reads, and how far it has come. */
struct reading {
    struct dm_session *const *sessions;
    const int32_t *const *ids;
    const size_t *n_id;
    size_t n_session, n_done, n_total;
};

size_t dm_session_run_end(struct dm_session *const *sessions, size_t first, size_t n_session) {
    size_t end = first + 1;
    while (end < n_session && dm_method_equal(sessions[end]->method, sessions[first]->method))
        end++;
    return end;
}

/* Sessions [first, end), of one method. */
static dm_status read_run(struct dm_ubatch *ubatch, struct reading *reading, size_t first,
                          size_t end, const struct dm_reading_watch *watch, dm_error *error) {
    struct dm_session *const *sessions = reading->sessions + first;
    const size_t *n_id = reading->n_id + first, n_session = end - first;
    size_t n_left = total_of(n_id, n_session);
    dm_status status = DM_OK;
    memset(ubatch->done, 0, n_session * sizeof *ubatch->done);
    while (!status && n_left) {
        status = dm_progress_tell(reading->n_done, reading->n_total, error);
        if (status)
            break; /* between two batches, every session is whole */
        pack(ubatch, sessions, n_session, reading->ids + first, n_id);
        n_left -= ubatch->batch.n_token;
        reading->n_done += ubatch->batch.n_token;
        status = read_ubatch(ubatch, sessions[0]->method, watch, error);
        dm_checkpoint_forget_pages(ubatch->model->checkpoint); /* rows of the embedding */
        for (size_t s = 0; s < n_session && status; s++)       /* earlier batches moved these */
            sessions[s]->invalid |= ubatch->done[s] > 0;
        for (size_t s = 0; s < first && status; s++) /* and earlier runs these */
            reading->sessions[s]->invalid |= reading->n_id[s] > 0;
    }
    return status;
}

dm_status dm_session_read(struct dm_session *const *sessions, size_t n_session,
                          const int32_t *const *ids, const size_t *n_id,
                          const struct dm_reading_watch *watch, dm_error *error) {
    struct reading reading = {sessions, ids, n_id, n_session, 0, total_of(n_id, n_session)};
    struct dm_ubatch *ubatch = NULL;
    dm_status status = DM_OK;
    for (size_t s = 0; s < n_session && !status; s++)
        if (sessions[s]->method->n_stage)
            status = dm_token_pool_reserve(&sessions[s]->pool, n_id[s], error);
    if (!status)
        status = dm_ubatch_new(sessions[0]->model, n_session, &ubatch, error);
    for (size_t first = 0, end; first < n_session && !status; first = end) {
        end = dm_session_run_end(sessions, first, n_session);
        status = read_run(ubatch, &reading, first, end, watch, error);
    }
    dm_ubatch_free(ubatch);
    return status;
}
