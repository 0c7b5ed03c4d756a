#include "scan_reading.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/status.h"

enum { piece_length = 4096 };

/* places[0] is the text's own; places[k], of the tokens that k layers have let pass. */
struct state {
    const struct scan_reading *reading;
    scan_visitor *visit;
    void *user;
    size_t n_dropping; /* layers that drop tokens */
    size_t *places;    /* [n_dropping + 1, n_id] */
};

static bool drops(const struct state *state, size_t layer) {
    for (size_t i = 0; i < state->n_dropping; i++)
        if (state->reading->context->layers[i] == layer)
            return true;
    return false;
}

/* Layers below `layer` that drop tokens. */
static size_t count_below(const struct state *state, size_t layer) {
    size_t n = 0;
    for (size_t i = 0; i < state->n_dropping; i++)
        n += state->reading->context->layers[i] < layer;
    return n;
}

static void look(const dm_probe_view *view, void *user) {
    struct state *state = user;
    if (!view->kept && drops(state, view->layer))
        return; /* every token, before the choice: the scan reads those that it leaves */
    size_t n_id = state->reading->n_id;
    size_t *places = state->places + count_below(state, view->layer) * n_id;
    if (view->kept) {
        const size_t *below = places;
        places += n_id;
        for (size_t t = 0; t < view->n_token; t++)
            places[view->first_position + t] = below[view->kept[t]];
    }
    const struct scan_chunk chunk = {view, places + view->first_position};
    state->visit(&chunk, state->user);
}

/* The layers from the first choice on read their tokens when the text is closed. */
static dm_status close_text(dm_session *session, const dm_model *model, dm_error *error) {
    dm_model_info info = DM_MODEL_INFO_INIT;
    dm_status status = dm_model_get_info(model, &info, error);
    float *logits = status ? NULL : calloc(info.vocab_size, sizeof *logits);
    if (!status)
        status = logits ? dm_session_logits(session, 1, logits, error)
                        : dm_fail_memory(error, "the analysis");
    free(logits);
    return status;
}

static size_t count_dropping(const struct scan_reading *reading) {
    return reading->context->method == DM_CONTEXT_NONE ? 0 : reading->context->n_layer;
}

dm_status scan_reading_probe(const struct scan_reading *reading, dm_probe probe, void *user,
                             dm_error *error) {
    dm_session *session;
    dm_status status = dm_session_new(reading->model, reading->context, &session, error);
    if (status)
        return status;
    dm_session_set_probe(session, probe, user);
    for (size_t i = 0; i < reading->n_id && !status; i += piece_length) {
        size_t n = reading->n_id - i < piece_length ? reading->n_id - i : piece_length;
        status = dm_session_append(session, reading->ids + i, n, error);
        if (!status && reading->progress)
            reading->progress(i + n, reading->user);
    }
    if (!status && count_dropping(reading))
        status = close_text(session, reading->model, error);
    dm_session_free(session);
    return status;
}

dm_status scan_reading_run(const struct scan_reading *reading, scan_visitor *visit, void *user,
                           dm_error *error) {
    struct state state = {.reading = reading, .visit = visit, .user = user};
    state.n_dropping = count_dropping(reading);
    size_t n;
    if (__builtin_mul_overflow(state.n_dropping + 1, reading->n_id, &n) ||
        !(state.places = calloc(n, sizeof *state.places)))
        return dm_fail_memory(error, "the analysis");
    for (size_t i = 0; i < reading->n_id; i++)
        state.places[i] = i;
    dm_status status = scan_reading_probe(reading, look, &state, error);
    free(state.places);
    return status;
}
