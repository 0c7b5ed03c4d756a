/* Finishing a text: the tokens that the decimating layers keep, through the rest of the network. */

#include "base/memory.h"
#include "base/progress.h"
#include "methods/choice.h"
#include "session/nan_check.h"
#include "session/ubatch.h"

/* Where a stage's tokens come from and go to. */
struct stage_io {
    const struct dm_stage *stage, *next; /* next NULL: the last layers */
    struct dm_token_pool *source, *sink; /* sink: the next stage's */
    struct dm_kept *kept;
};

/* How far a finish has come, in tokens of every stage. */
struct finished {
    size_t n_done, n_total;
};

/* Chooses at the stage's layer; slots are the source's. */
static dm_status choose(struct dm_session *session, struct stage_io *io, const size_t **slots,
                        dm_error *error) {
    struct dm_token_pool *source = io->source;
    struct dm_kept *kept = io->kept;
    size_t n = source->n_offered, n_slot;
    n -= dm_tail_of(n, session->method->keep_tail);
    *slots = dm_token_pool_choose(source, dm_method_budget(session->method, io->stage, n), &n_slot);
    dm_status status = dm_kept_reserve(kept, n_slot, error);
    if (status)
        return status;
    kept->n = n_slot;
    for (size_t i = 0; i < n_slot; i++)
        kept->positions[i] = source->position[(*slots)[i]];
    return DM_OK;
}

/* One chunk from the stage's scan up to the next stage's Delta, or to the last layer. */
static dm_status run_chunk(const struct dm_batch *batch, const struct dm_method *method,
                           const struct stage_io *io, dm_error *error) {
    size_t layer = io->stage->layer;
    size_t end = io->next ? io->next->layer : batch->network->config.n_layer;
    dm_layer_norm(batch, layer);
    dm_status status = dm_layer_delta(batch, layer, error);
    if (!status)
        status = dm_layer_outputs(batch, layer, error);
    if (!status)
        status = dm_layers(batch, layer + 1, end, error);
    return status || !io->next ? status : dm_session_score(batch, method, io->next, error);
}

static dm_status run_stage(struct dm_session *session, struct dm_ubatch *ubatch,
                           struct stage_io *io, struct finished *finished, dm_error *error) {
    const size_t *slots;
    dm_status status = choose(session, io, &slots, error);
    if (!status && io->next) {
        dm_session_pool_init(io->sink, session, io->next);
        status = dm_token_pool_reserve(io->sink, io->kept->n, error);
    }
    for (size_t first = 0; first < io->kept->n && !status;) {
        size_t n = io->kept->n - first;
        n = n < ubatch->batch.at->capacity ? n : ubatch->batch.at->capacity;
        float *parts[DM_POOL_MAX_PART];
        if ((status = dm_progress_tell(finished->n_done, finished->n_total, error)))
            return status;
        session->chunk_first = first;
        session->chunk_kept = io->kept->positions + first;
        session->chunk_layer = io->stage->layer;
        dm_ubatch_clear(ubatch);
        dm_ubatch_add(ubatch, session, n);
        dm_session_pool_parts(&ubatch->batch, io->stage->layer, 0, parts);
        dm_token_pool_gather(io->source, slots + first, n, parts);
        status = run_chunk(&ubatch->batch, session->method, io, error);
        if (!status && !io->next && ubatch->model->check)
            status = dm_check_residual(&ubatch->batch, error);
        if (!status)
            dm_session_push(session, &ubatch->batch, 0, n, io->next, io->sink);
        first += n;
        finished->n_done += n;
    }
    return status;
}

/* The tokens that all stages together run over. */
static size_t count_kept(const struct dm_session *session) {
    const struct dm_method *method = session->method;
    size_t total = 0;
    for (size_t i = 0, n = session->n_token; i < method->n_stage; i++) {
        size_t tail = dm_tail_of(n, method->keep_tail);
        n = dm_method_budget(method, &method->stages[i], n - tail) + tail;
        total += n;
    }
    return total;
}

/* Sequences above stage 0 begin anew. */
static void clear_upper_state(struct dm_session *session) {
    dm_state_clear_above(&session->model->network.config, &session->state,
                         session->method->stages[0].layer);
    dm_row_ring_clear(&session->tail);
}

static dm_status run_stages(struct dm_session *session, struct dm_ubatch *ubatch, dm_error *error) {
    const struct dm_method *method = session->method;
    struct dm_token_pool between[2] = {{0}, {0}}; /* each stage reads one and fills the other */
    struct dm_token_pool *source = &session->pool;
    struct finished finished = {0, count_kept(session)};
    dm_status status = DM_OK;
    clear_upper_state(session);
    for (size_t i = 0; i < method->n_stage && !status; i++) {
        const struct dm_stage *next = i + 1 < method->n_stage ? &method->stages[i + 1] : NULL;
        struct stage_io io = {.stage = &method->stages[i],
                              .next = next,
                              .source = source,
                              .sink = &between[i % 2],
                              .kept = &session->kept[i]};
        dm_token_pool_free(io.sink);
        status = run_stage(session, ubatch, &io, &finished, error);
        source = io.sink;
    }
    dm_token_pool_free(&between[0]);
    dm_token_pool_free(&between[1]);
    return status;
}

dm_status dm_session_finish(struct dm_session *session, dm_error *error) {
    if (session->logits_valid)
        return DM_OK;
    struct dm_ubatch *ubatch;
    dm_status status = dm_ubatch_new(session->model, 1, &ubatch, error);
    if (status)
        return status;
    session->can_step = false;
    status = run_stages(session, ubatch, error);
    session->can_step = session->logits_valid = status == DM_OK;
    for (size_t i = 0; i < session->method->n_stage && status; i++)
        session->kept[i].n = 0; /* some stages have chosen anew */
    dm_ubatch_free(ubatch);
    return status;
}
