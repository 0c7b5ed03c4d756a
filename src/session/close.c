/* Closing a text: the tokens that the decimating layers keep, through the rest of the network. */

#include "base/memory.h"
#include "session/check.h"
#include "session/round.h"

/* Where a stage's tokens come from and go to. */
struct passage {
    const struct dm_stage *stage, *next; /* next NULL: the last layers */
    struct dm_token_pool *source, *sink; /* sink: the next stage's */
    struct dm_kept *kept;
};

/* Chooses at the stage's layer; slots are the source's. */
static dm_status choose(struct dm_session *session, struct passage *passage, const size_t **slots,
                        dm_error *error) {
    struct dm_token_pool *source = passage->source;
    struct dm_kept *kept = passage->kept;
    size_t tail = session->context->keep_tail;
    size_t n = source->n_offered > tail ? source->n_offered - tail : 0, n_slot;
    *slots = dm_token_pool_choose(source, dm_context_budget(session->context, passage->stage, n),
                                  &n_slot);
    if (n_slot > kept->capacity) {
        size_t *positions = dm_memory_array(n_slot, sizeof *positions);
        if (!positions)
            return dm_fail_memory(error, "the kept positions");
        dm_memory_free(kept->positions);
        kept->positions = positions;
        kept->capacity = n_slot;
    }
    kept->n = n_slot;
    for (size_t i = 0; i < n_slot; i++)
        kept->positions[i] = source->position[(*slots)[i]];
    return DM_OK;
}

/* One chunk from the stage's scan up to the next stage's Delta, or to the last layer. */
static dm_status run_chunk(const struct dm_batch *batch, const struct dm_context *context,
                           const struct passage *passage, dm_error *error) {
    size_t layer = passage->stage->layer;
    size_t end = passage->next ? passage->next->layer : batch->network->config.n_layer;
    dm_layer_norm(batch, layer);
    dm_status status = dm_layer_delta(batch, layer, error);
    if (!status)
        status = dm_layer_outputs(batch, layer, error);
    if (!status)
        status = dm_layers(batch, layer + 1, end, error);
    return status || !passage->next ? status
                                    : dm_session_score(batch, context, passage->next, error);
}

static dm_status run_stage(struct dm_session *session, struct dm_round *round,
                           struct passage *passage, dm_error *error) {
    const size_t *slots;
    dm_status status = choose(session, passage, &slots, error);
    if (!status && passage->next) {
        dm_session_pool_init(passage->sink, session, passage->next);
        status = dm_token_pool_reserve(passage->sink, passage->kept->n, error);
    }
    for (size_t first = 0; first < passage->kept->n && !status;) {
        size_t n = passage->kept->n - first;
        n = n < round->batch.at->capacity ? n : round->batch.at->capacity;
        float *parts[DM_POOL_MAX_PART];
        session->chunk_first = first;
        session->chunk_kept = passage->kept->positions + first;
        session->chunk_layer = passage->stage->layer;
        dm_round_clear(round);
        dm_round_add(round, session, n);
        dm_session_pool_parts(&round->batch, passage->stage->layer, 0, parts);
        dm_token_pool_gather(passage->source, slots + first, n, parts);
        status = run_chunk(&round->batch, session->context, passage, error);
        if (!status && !passage->next && round->model->check)
            status = dm_check_residual(&round->batch, error);
        if (!status)
            dm_session_hand_on(session, &round->batch, 0, n, passage->next, passage->sink);
        first += n;
    }
    return status;
}

/* Sequences above stage 0 begin anew. */
static void clear_upper_state(struct dm_session *session) {
    dm_state_clear_above(&session->model->network.config, &session->state,
                         session->context->stages[0].layer);
    dm_row_ring_clear(&session->tail);
}

static dm_status run_stages(struct dm_session *session, struct dm_round *round, dm_error *error) {
    const struct dm_context *context = session->context;
    struct dm_token_pool between[2] = {{0}, {0}}; /* each stage reads one and fills the other */
    struct dm_token_pool *source = &session->pool;
    dm_status status = DM_OK;
    clear_upper_state(session);
    for (size_t i = 0; i < context->n_stage && !status; i++) {
        const struct dm_stage *next = i + 1 < context->n_stage ? &context->stages[i + 1] : NULL;
        struct passage passage = {&context->stages[i], next, source, &between[i % 2],
                                  &session->kept[i]};
        dm_token_pool_free(passage.sink);
        status = run_stage(session, round, &passage, error);
        source = passage.sink;
    }
    dm_token_pool_free(&between[0]);
    dm_token_pool_free(&between[1]);
    return status;
}

dm_status dm_session_close(struct dm_session *session, dm_error *error) {
    if (session->closed)
        return DM_OK;
    struct dm_round *round;
    dm_status status = dm_round_new(session->model, 1, &round, error);
    if (status)
        return status;
    session->tip = false;
    status = run_stages(session, round, error);
    session->tip = session->closed = status == DM_OK;
    dm_round_free(round);
    return status;
}
