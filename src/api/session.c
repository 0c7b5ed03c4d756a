/* Sessions: arguments are checked here, the work is done in session/. */
#include "session/session.h"

#include <string.h>

#include "api/options.h"
#include "session/sampler.h"

dm_status dm_session_new(const dm_model *model, const dm_method_options *method,
                         dm_session **session, dm_error *error) {
    if (!model || !session)
        return dm_fail(error, DM_ERROR_ARGUMENT, "dm_session_new: model and session are needed");
    dm_method_options own = DM_METHOD_OPTIONS_INIT;
    dm_status status = method ? dm_options_take(DM_KIND(dm_method_options), &own, method, error)
                              : dm_model_default_method(model, &own, error);
    if (!status)
        status = dm_method_check_function(&own, error);
    return status ? status : dm_session_make(model, &own, session, error);
}

static dm_status check_sound(const struct dm_session *session, dm_error *error) {
    if (!session)
        return dm_fail(error, DM_ERROR_ARGUMENT, "a session is needed");
    if (session->invalid)
        return dm_fail(error, DM_ERROR_ARGUMENT,
                       "the session was left half-way by an earlier error: reset it");
    return DM_OK;
}

/* To read, and to give logits. */
static dm_status check_ready(const struct dm_session *session, dm_error *error) {
    dm_status status = check_sound(session, error);
    return status ? status : dm_method_check_ready(session->method, error);
}

static dm_status check_alike(const struct dm_session *session, const struct dm_session *other,
                             const char *what, dm_error *error) {
    if (session->model == other->model && dm_method_equal(session->method, other->method))
        return DM_OK;
    return dm_fail(error, DM_ERROR_ARGUMENT, "%s has another model or other method settings", what);
}

dm_status dm_session_fork(const dm_session *session, dm_session **fork, dm_error *error) {
    dm_status status = check_sound(session, error);
    if (!status && !fork)
        status = dm_fail(error, DM_ERROR_ARGUMENT, "dm_session_fork: no place for the fork");
    return status ? status : dm_session_split(session, fork, error);
}

dm_status dm_session_rewind(dm_session *session, const dm_session *mark, dm_error *error) {
    if (!session)
        return dm_fail(error, DM_ERROR_ARGUMENT, "a session is needed");
    dm_status status = check_sound(mark, error);
    if (!status)
        status = check_alike(session, mark, "the mark", error);
    return status || session == mark ? status : dm_session_copy(session, mark, error);
}

void dm_session_free(dm_session *session) {
    dm_session_destroy(session);
}

void dm_session_reset(dm_session *session) {
    if (session)
        dm_session_clear(session);
}

size_t dm_session_n_token(const dm_session *session) {
    return session ? session->n_token : 0;
}

size_t dm_session_memory(const dm_session *session) {
    return session ? dm_session_bytes(session) : 0;
}

size_t dm_session_bound(const dm_session *session) {
    return session ? dm_session_most_bytes(session) : 0;
}

void dm_session_set_probe(dm_session *session, dm_probe probe, void *user) {
    if (!session)
        return;
    session->probe = probe;
    session->probe_user = user;
}

dm_status dm_session_set_score(dm_session *session, const char *name, dm_score_function function,
                               void *user, dm_error *error) {
    if (!session || !name || !function)
        return dm_fail(error, DM_ERROR_ARGUMENT,
                       "dm_session_set_score: session, name and function are needed");
    struct dm_custom_score *custom = &session->method->custom;
    if (!*custom->name)
        return dm_fail(error, DM_ERROR_ARGUMENT,
                       "dm_session_set_score: the session's tokens are scored by %s",
                       session->method->hooks && session->method->hooks->score
                           ? dm_score_name(session->method->score)
                           : "nothing");
    if (strcmp(custom->name, name) != 0)
        return dm_fail(error, DM_ERROR_MISMATCH,
                       "the session was read with the score \"%s\", not \"%.80s\"", custom->name,
                       name);
    custom->function = function;
    custom->user = user;
    return DM_OK;
}

/* ---- Checks ---- */

static dm_status check_group(struct dm_session *const *sessions, size_t n_session,
                             dm_error *error) {
    if (!sessions || !n_session)
        return dm_fail(error, DM_ERROR_ARGUMENT, "no sessions");
    for (size_t i = 0; i < n_session; i++) {
        dm_status status = check_ready(sessions[i], error);
        if (status)
            return status;
        if (sessions[i]->model != sessions[0]->model)
            return dm_fail(error, DM_ERROR_ARGUMENT,
                           "session %zu of a batch has another model than session 0", i);
        sessions[i]->in_batch = false;
    }
    for (size_t i = 0; i < n_session; i++) {
        if (sessions[i]->in_batch)
            return dm_fail(error, DM_ERROR_ARGUMENT, "session %zu of a batch is named twice", i);
        sessions[i]->in_batch = true;
    }
    return DM_OK;
}

static dm_status check_ids(const struct dm_session *session, const int32_t *ids, size_t n_id,
                           dm_error *error) {
    size_t vocab_size = session->model->network.config.vocab_size, n_total;
    if (n_id && !ids)
        return dm_fail(error, DM_ERROR_ARGUMENT, "ids are needed");
    if (__builtin_add_overflow(session->n_token, n_id, &n_total))
        return dm_fail(error, DM_ERROR_ARGUMENT, "the text is too long");
    for (size_t i = 0; i < n_id; i++)
        if (ids[i] < 0 || (size_t)ids[i] >= vocab_size)
            return dm_fail(error, DM_ERROR_ARGUMENT,
                           "token id %ld at position %zu: the model's ids are 0 to %zu",
                           (long)ids[i], session->n_token + i, vocab_size - 1);
    return DM_OK;
}

/* ---- Reading, stepping, logits ---- */

dm_status dm_append_many(dm_session *const *sessions, size_t n_session, const int32_t *const *ids,
                         const size_t *n_id, dm_error *error) {
    dm_status status = check_group(sessions, n_session, error);
    if (status)
        return status;
    if (!ids || !n_id)
        return dm_fail(error, DM_ERROR_ARGUMENT, "ids are needed");
    for (size_t i = 0; i < n_session && !status; i++)
        status = check_ids(sessions[i], ids[i], n_id[i], error);
    return status ? status : dm_session_read(sessions, n_session, ids, n_id, NULL, error);
}

dm_status dm_session_append(dm_session *session, const int32_t *ids, size_t n_id, dm_error *error) {
    return dm_append_many(&session, 1, &ids, &n_id, error);
}

dm_status dm_session_append_logprobs(dm_session *session, const int32_t *ids, size_t n_id,
                                     double *logprobs, dm_error *error) {
    dm_status status = check_ready(session, error);
    if (!status)
        status = check_ids(session, ids, n_id, error);
    if (!status && n_id && !logprobs)
        status = dm_fail(error, DM_ERROR_ARGUMENT, "room for the log-probabilities is needed");
    return status ? status : dm_session_read_logprobs(session, ids, n_id, logprobs, error);
}

dm_status dm_step_many(dm_session *const *sessions, size_t n_session, const int32_t *ids,
                       float *logits, dm_error *error) {
    dm_status status = check_group(sessions, n_session, error);
    if (status)
        return status;
    if (!ids)
        return dm_fail(error, DM_ERROR_ARGUMENT, "ids are needed");
    for (size_t i = 0; i < n_session && !status; i++)
        status = check_ids(sessions[i], ids + i, 1, error);
    return status ? status : dm_session_step_all(sessions, n_session, ids, logits, error);
}

dm_status dm_session_step(dm_session *session, int32_t id, float *logits, dm_error *error) {
    return dm_step_many(&session, 1, &id, logits, error);
}

dm_status dm_session_logits(dm_session *session, size_t n_last, float *logits, dm_error *error) {
    dm_status status = check_ready(session, error);
    if (status)
        return status;
    if (!logits)
        return dm_fail(error, DM_ERROR_ARGUMENT, "room for the logits is needed");
    if (session->n_token == 0)
        return dm_fail(error, DM_ERROR_ARGUMENT, "an empty text has no logits");
    size_t keep_tail = session->method->keep_tail;
    if (n_last == 0 || n_last > keep_tail || n_last > session->n_token)
        return dm_fail(error, DM_ERROR_ARGUMENT,
                       "logits of the last %zu tokens: must be 1 to %zu (keep_tail is %zu, the "
                       "text has %zu tokens)",
                       n_last, keep_tail < session->n_token ? keep_tail : session->n_token,
                       keep_tail, session->n_token);
    status = dm_session_finish(session, error);
    return status ? status : dm_session_tail_logits(session, n_last, logits, error);
}

dm_status dm_session_next_logits(dm_session *session, float *logits, dm_error *error) {
    dm_status status = check_ready(session, error);
    if (status)
        return status;
    if (!logits)
        return dm_fail(error, DM_ERROR_ARGUMENT, "room for the logits is needed");
    if (session->n_token == 0)
        return dm_fail(error, DM_ERROR_ARGUMENT, "an empty text has no logits");
    return dm_session_last_logits(session, logits, error);
}

dm_status dm_session_kept(const dm_session *session, size_t layer, const size_t **positions,
                          size_t *n_kept, dm_error *error) {
    if (!session || !positions || !n_kept)
        return dm_fail(error, DM_ERROR_ARGUMENT, "dm_session_kept: every argument is needed");
    for (size_t i = 0; i < session->method->n_stage; i++)
        if (session->method->stages[i].layer == layer) {
            *positions = session->kept[i].positions;
            *n_kept = session->kept[i].n;
            return DM_OK;
        }
    return dm_fail(error, DM_ERROR_ARGUMENT, "layer %zu drops no tokens in this session", layer);
}

/* ---- Files ---- */

static dm_status check_sampler(const struct dm_model *model, const struct dm_sampler *sampler,
                               dm_error *error) {
    size_t vocab_size = model->network.config.vocab_size;
    if (!sampler || sampler->vocab_size == vocab_size)
        return DM_OK;
    return dm_fail(error, DM_ERROR_ARGUMENT, "the sampler is for %zu ids, the model has %zu",
                   sampler->vocab_size, vocab_size);
}

dm_status dm_generation_save(const dm_session *session, const dm_sampler *sampler, const char *path,
                             dm_error *error) {
    dm_status status = check_sound(session, error);
    if (status)
        return status;
    if (!path)
        return dm_fail(error, DM_ERROR_ARGUMENT, "a path is needed");
    status = check_sampler(session->model, sampler, error);
    return status ? status : dm_session_write(session, sampler, path, error);
}

dm_status dm_session_save(const dm_session *session, const char *path, dm_error *error) {
    return dm_generation_save(session, NULL, path, error);
}

dm_status dm_generation_restore(const dm_model *model, const char *path, dm_session **session,
                                dm_sampler *sampler, int *has_sampler, dm_error *error) {
    bool found;
    if (!model || !path || !session)
        return dm_fail(error, DM_ERROR_ARGUMENT,
                       "restoring a session: model, path and session are needed");
    dm_status status = check_sampler(model, sampler, error);
    if (!status)
        status = dm_session_load(model, path, sampler, &found, session, error);
    if (!status && has_sampler)
        *has_sampler = found;
    return status;
}

dm_status dm_generation_save_buffer(const dm_session *session, const dm_sampler *sampler,
                                    void **bytes, size_t *n_byte, dm_error *error) {
    dm_status status = check_sound(session, error);
    if (status)
        return status;
    if (!bytes || !n_byte)
        return dm_fail(error, DM_ERROR_ARGUMENT, "a place for the bytes is needed");
    status = check_sampler(session->model, sampler, error);
    return status ? status : dm_session_write_buffer(session, sampler, bytes, n_byte, error);
}

dm_status dm_session_save_buffer(const dm_session *session, void **bytes, size_t *n_byte,
                                 dm_error *error) {
    return dm_generation_save_buffer(session, NULL, bytes, n_byte, error);
}

dm_status dm_generation_restore_buffer(const dm_model *model, const void *bytes, size_t n_byte,
                                       dm_session **session, dm_sampler *sampler, int *has_sampler,
                                       dm_error *error) {
    bool found;
    if (!model || (!bytes && n_byte) || !session)
        return dm_fail(error, DM_ERROR_ARGUMENT,
                       "restoring a session: model, bytes and session are needed");
    dm_status status = check_sampler(model, sampler, error);
    if (!status)
        status = dm_session_load_buffer(model, bytes, n_byte, sampler, &found, session, error);
    if (!status && has_sampler)
        *has_sampler = found;
    return status;
}

dm_status dm_session_restore_buffer(const dm_model *model, const void *bytes, size_t n_byte,
                                    dm_session **session, dm_error *error) {
    return dm_generation_restore_buffer(model, bytes, n_byte, session, NULL, NULL, error);
}

dm_status dm_session_restore(const dm_model *model, const char *path, dm_session **session,
                             dm_error *error) {
    return dm_generation_restore(model, path, session, NULL, NULL, error);
}
