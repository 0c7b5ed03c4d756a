#include "session/session.h"

#include <string.h>

#include "base/memory.h"

/* ---- Life ---- */

void dm_session_pool_init(struct dm_token_pool *pool, const struct dm_session *session,
                          const struct dm_stage *stage) {
    const struct dm_model_config *config = &session->model->network.config;
    const struct dm_layer_config *layer = dm_layer_config_of(config, stage->layer);
    struct dm_buffer_row rows[DM_MAX_BUFFER];
    size_t n = dm_buffers_of_token(layer, false, rows), n_part = 1;
    size_t width[DM_POOL_MAX_PART] = {config->d_model};
    for (size_t i = 0; i < n; i++)
        if (rows[i].carried)
            width[n_part++] = rows[i].width;
    dm_token_pool_init(pool, dm_method_budget(session->method, stage, SIZE_MAX),
                       session->method->keep_tail, session->method->hooks->score != NULL, width,
                       n_part);
}

static dm_status build(struct dm_session *session, dm_error *error) {
    const struct dm_model *model = session->model;
    dm_status status = dm_method_attach(session->method, &model->network, error);
    if (!status)
        status = dm_state_new(&model->network.config, &session->state, error);
    if (!status)
        status = dm_row_ring_new(&session->tail, model->network.config.d_model,
                                 session->method->keep_tail, error);
    if (!status) {
        session->kept = dm_memory_zeroed(session->method->n_stage, sizeof *session->kept);
        status = session->kept ? DM_OK : dm_fail_memory(error, "a session");
    }
    if (!status && session->method->n_stage)
        dm_session_pool_init(&session->pool, session, &session->method->stages[0]);
    return status;
}

/* An empty session by this method, which it takes over, or frees. */
static dm_status make(const struct dm_model *model, struct dm_method *method,
                      struct dm_session **result, dm_error *error) {
    struct dm_session *session = dm_memory_zeroed(1, sizeof *session);
    if (!session) {
        dm_method_free(method);
        return dm_fail_memory(error, "a session");
    }
    session->model = model;
    session->method = method;
    dm_status status = build(session, error);
    if (status) {
        dm_session_destroy(session);
        return status;
    }
    dm_session_clear(session);
    *result = session;
    return DM_OK;
}

dm_status dm_session_make(const struct dm_model *model, const dm_method_options *options,
                          struct dm_session **session, dm_error *error) {
    struct dm_method *method;
    dm_status status =
        dm_method_new(options, model->network.config.n_layer, model->calibration, &method, error);
    return status ? status : make(model, method, session, error);
}

void dm_session_destroy(struct dm_session *session) {
    if (!session)
        return;
    for (size_t i = 0; session->kept && i < session->method->n_stage; i++)
        dm_memory_free(session->kept[i].positions);
    dm_memory_free(session->kept);
    dm_token_pool_free(&session->pool);
    dm_row_ring_free(&session->tail);
    dm_state_free(&session->state);
    dm_method_free(session->method);
    dm_memory_free(session);
}

void dm_session_clear(struct dm_session *session) {
    const struct dm_model_config *config = &session->model->network.config;
    dm_state_clear(config, &session->state);
    dm_token_pool_clear(&session->pool);
    dm_row_ring_clear(&session->tail);
    for (size_t i = 0; i < session->method->n_stage; i++)
        session->kept[i].n = 0;
    session->n_token = 0;
    session->can_step = session->logits_valid = true;
    session->invalid = false;
}

/* ---- Copies ---- */

dm_status dm_kept_reserve(struct dm_kept *kept, size_t n, dm_error *error) {
    if (n <= kept->capacity)
        return DM_OK;
    size_t *positions = dm_memory_resize(kept->positions, kept->n, n, sizeof *positions);
    if (!positions)
        return dm_fail_memory(error, "the kept positions");
    kept->positions = positions;
    kept->capacity = n;
    return DM_OK;
}

/* All that can fail comes first. */
dm_status dm_session_copy(struct dm_session *session, const struct dm_session *from,
                          dm_error *error) {
    const struct dm_model_config *config = &session->model->network.config;
    size_t n_stage = session->method->n_stage;
    dm_status status = dm_token_pool_reserve_all(&session->pool, from->pool.n, error);
    for (size_t i = 0; i < n_stage && !status; i++)
        status = dm_kept_reserve(&session->kept[i], from->kept[i].n, error);
    if (status)
        return status;
    memcpy(session->state.values, from->state.values,
           dm_state_size(config) * sizeof *session->state.values);
    dm_token_pool_copy(&session->pool, &from->pool);
    dm_row_ring_copy(&session->tail, &from->tail);
    for (size_t i = 0; i < n_stage; i++) {
        session->kept[i].n = from->kept[i].n;
        for (size_t k = 0; k < from->kept[i].n; k++)
            session->kept[i].positions[k] = from->kept[i].positions[k];
    }
    session->n_token = from->n_token;
    session->can_step = from->can_step;
    session->logits_valid = from->logits_valid;
    session->invalid = false;
    return DM_OK;
}

dm_status dm_session_split(const struct dm_session *session, struct dm_session **result,
                           dm_error *error) {
    struct dm_method *method;
    struct dm_session *fork;
    dm_status status = dm_method_copy(session->method, &method, error);
    if (!status)
        status = make(session->model, method, &fork, error);
    if (status)
        return status;
    status = dm_session_copy(fork, session, error);
    if (status)
        dm_session_destroy(fork);
    else
        *result = fork;
    return status;
}

/* ---- Memory ---- */

/* What does not grow with the text. */
static size_t fixed_bytes(const struct dm_session *session) {
    const struct dm_model_config *config = &session->model->network.config;
    return sizeof *session + session->tail.capacity * session->tail.width * sizeof(float) +
           dm_state_size(config) * sizeof(float) + session->method->A_bytes;
}

size_t dm_session_bytes(const struct dm_session *session) {
    size_t n = fixed_bytes(session) + dm_token_pool_memory(&session->pool);
    for (size_t i = 0; i < session->method->n_stage; i++)
        n += session->kept[i].capacity * sizeof(size_t);
    return n;
}

size_t dm_session_most_kept(const struct dm_session *session, const struct dm_stage *stage) {
    const struct dm_method *method = session->method;
    size_t n;
    return dm_size_add(dm_method_budget(method, stage, SIZE_MAX), method->keep_tail, &n) ? n
                                                                                         : SIZE_MAX;
}

/* Adds n items to a sum; false where it is too large. */
static bool add_items(size_t *sum, size_t n, size_t item_bytes) {
    size_t bytes;
    return dm_size_mul(n, item_bytes, &bytes) && dm_size_add(*sum, bytes, sum);
}

size_t dm_session_most_bytes(const struct dm_session *session) {
    size_t n = fixed_bytes(session);
    bool fine = add_items(&n, session->pool.limit, session->pool.token_bytes);
    for (size_t i = 0; i < session->method->n_stage && fine; i++)
        fine = add_items(&n, dm_session_most_kept(session, &session->method->stages[i]),
                         sizeof(size_t));
    return fine ? n : SIZE_MAX;
}
