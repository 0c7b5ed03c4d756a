/* Stepping: one token for each session through the whole network, as generation does; and logits.
 */
#include "session/nan_check.h"
#include "session/ubatch.h"

/* From the first decimating layer's scan to the last layer. */
static dm_status run_above(const struct dm_model *model, const struct dm_batch *batch,
                           const struct dm_method *method, dm_error *error) {
    if (!method->n_stage)
        return DM_OK;
    size_t layer = method->stages[0].layer;
    dm_status status = dm_layer_outputs(batch, layer, error);
    if (!status)
        status = dm_layers(batch, layer + 1, batch->network->config.n_layer, error);
    return status || !model->check ? status : dm_check_residual(batch, error);
}

dm_status dm_session_head(const struct dm_model *model, const struct dm_batch *batch, float *logits,
                          dm_error *error) {
    dm_status status = dm_head(batch, logits, error);
    return status || !model->check
               ? status
               : dm_check_logits(logits, batch->n_token, model->network.config.vocab_size, error);
}

static dm_status step_ubatch(struct dm_ubatch *ubatch, const struct dm_method *method,
                             float *logits, dm_error *error) {
    dm_status status = dm_session_stage_0(ubatch, method, error);
    if (!status)
        status = run_above(ubatch->model, &ubatch->batch, method, error);
    for (size_t s = 0; s < ubatch->batch.n_sequence && !status && method->n_stage; s++)
        dm_session_push(ubatch->active[s], &ubatch->batch, s, 1, NULL, NULL);
    if (!status && logits)
        status = dm_session_head(ubatch->model, &ubatch->batch, logits, error);
    for (size_t s = 0; s < ubatch->batch.n_sequence; s++) {
        ubatch->active[s]->logits_valid = !method->n_stage;
        ubatch->active[s]->invalid = status != DM_OK;
    }
    return status;
}

/* All that can fail for lack of memory or of a finish comes first. */
static dm_status prepare(struct dm_session *const *sessions, size_t n_session, dm_error *error) {
    dm_status status = DM_OK;
    for (size_t s = 0; s < n_session && !status; s++) {
        if (!sessions[s]->can_step)
            status = dm_session_finish(sessions[s], error);
        if (!status && sessions[s]->method->n_stage)
            status = dm_token_pool_reserve(&sessions[s]->pool, 1, error);
    }
    return status;
}

dm_status dm_session_step_all(struct dm_session *const *sessions, size_t n_session,
                              const int32_t *ids, float *logits, dm_error *error) {
    const struct dm_model *model = sessions[0]->model;
    struct dm_ubatch *ubatch = NULL;
    dm_status status = prepare(sessions, n_session, error);
    if (!status)
        status = dm_ubatch_new(model, n_session, &ubatch, error);
    if (!status)
        ubatch->batch.is_step = true;
    for (size_t first = 0; first < n_session && !status;) {
        const struct dm_batch *batch = &ubatch->batch;
        const size_t begin = first, end = dm_session_run_end(sessions, first, n_session);
        dm_ubatch_clear(ubatch);
        for (; first < end && batch->n_token < batch->at->capacity; first++) {
            batch->at->ids[batch->n_token] = ids[first];
            sessions[first]->chunk_first = sessions[first]->n_token;
            sessions[first]->chunk_kept = NULL;
            dm_ubatch_add(ubatch, sessions[first], 1);
        }
        float *rows =
            logits ? logits + (first - batch->n_token) * model->network.config.vocab_size : NULL;
        status = step_ubatch(ubatch, sessions[begin]->method, rows, error);
        for (size_t s = 0; s < first && status; s++) /* earlier batches moved these */
            sessions[s]->invalid = true;
    }
    dm_ubatch_free(ubatch);
    return status;
}

dm_status dm_session_tail_logits(const struct dm_session *session, size_t n_last, float *logits,
                                 dm_error *error) {
    const struct dm_model *model = session->model;
    struct dm_ubatch *ubatch;
    dm_status status = dm_ubatch_new(model, 1, &ubatch, error);
    if (status)
        return status;
    struct dm_batch *batch = &ubatch->batch;
    for (size_t left = n_last; left && !status; left -= batch->n_token) {
        batch->n_token = left < batch->at->capacity ? left : batch->at->capacity;
        dm_row_ring_range(&session->tail, left, batch->n_token, batch->at->residual);
        status = dm_session_head(
            model, batch, logits + (n_last - left) * model->network.config.vocab_size, error);
    }
    dm_ubatch_free(ubatch);
    return status;
}

dm_status dm_session_last_logits(struct dm_session *session, float *logits, dm_error *error) {
    dm_status status = DM_OK;
    if (!session->can_step || !session->tail.n) /* a file of an earlier version may lack the row */
        status = dm_session_finish(session, error);
    return status ? status : dm_session_tail_logits(session, 1, logits, error);
}
