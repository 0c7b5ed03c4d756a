#include "scan_reading.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/status.h"

enum { piece_length = 4096 };

/* positions[0] counts 0, 1, 2, ...; positions[k] are those of the tokens that k layers have
 * kept. */
struct state {
    const struct scan_reading *reading;
    scan_visitor *visit;
    void *user;
    size_t n_dropping; /* layers that drop tokens */
    size_t *positions; /* [n_dropping + 1, n_id] */
};

static bool drops(const struct state *state, size_t layer) {
    for (size_t i = 0; i < state->n_dropping; i++)
        if (state->reading->method->layers[i] == layer)
            return true;
    return false;
}

/* Layers below `layer` that drop tokens. */
static size_t count_below(const struct state *state, size_t layer) {
    size_t n = 0;
    for (size_t i = 0; i < state->n_dropping; i++)
        n += state->reading->method->layers[i] < layer;
    return n;
}

static void look(const dm_probe_view *view, void *user) {
    struct state *state = user;
    bool before_choice = !view->kept && drops(state, view->layer);
    if (before_choice && !state->reading->with_dropped)
        return;
    size_t n_id = state->reading->n_id;
    size_t *positions = state->positions + count_below(state, view->layer) * n_id;
    if (view->kept) {
        const size_t *below = positions;
        positions += n_id;
        for (size_t t = 0; t < view->n_token; t++)
            positions[view->first_position + t] = below[view->kept[t]];
    }
    const struct scan_chunk chunk = {view, positions + view->first_position, before_choice};
    state->visit(&chunk, state->user);
}

/* The layers from the first choice on run when logits are asked for. */
static dm_status finish_text(dm_session *session, const dm_model *model, dm_error *error) {
    dm_model_info info = DM_MODEL_INFO_INIT;
    dm_status status = dm_model_get_info(model, &info, error);
    float *logits = status ? NULL : calloc(info.vocab_size, sizeof *logits);
    if (!status)
        status = logits ? dm_session_logits(session, 1, logits, error)
                        : dm_fail_memory(error, "the analysis");
    free(logits);
    return status;
}

static dm_status read_text(struct state *state, dm_error *error) {
    const struct scan_reading *reading = state->reading;
    dm_session *session;
    dm_status status = dm_session_new(reading->model, reading->method, &session, error);
    if (status)
        return status;
    dm_session_set_probe(session, look, state);
    for (size_t i = 0; i < reading->n_id && !status; i += piece_length) {
        size_t n = reading->n_id - i < piece_length ? reading->n_id - i : piece_length;
        status = dm_session_append(session, reading->ids + i, n, error);
        if (!status && reading->progress)
            reading->progress(i + n, reading->user);
    }
    if (!status && state->n_dropping)
        status = finish_text(session, reading->model, error);
    dm_session_free(session);
    return status;
}

dm_status scan_reading_run(const struct scan_reading *reading, scan_visitor *visit, void *user,
                           dm_error *error) {
    struct state state = {.reading = reading, .visit = visit, .user = user};
    state.n_dropping = reading->method->kind == DM_METHOD_NONE ? 0 : reading->method->n_layer;
    size_t n;
    if (__builtin_mul_overflow(state.n_dropping + 1, reading->n_id, &n) ||
        !(state.positions = calloc(n, sizeof *state.positions)))
        return dm_fail_memory(error, "the analysis");
    for (size_t i = 0; i < reading->n_id; i++)
        state.positions[i] = i;
    dm_status status = read_text(&state, error);
    free(state.positions);
    return status;
}
