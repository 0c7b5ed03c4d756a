#include "delta_map.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/status.h"
#include "scan_reading.h"

/* places[k], of the tokens that the k lowest of the layers that drop some have let pass. */
struct state {
    const struct delta_reading *reading;
    struct delta_map *map;
    bool *drops;    /* [n_layer] */
    size_t *places; /* [n_dropping + 1, n_token] */
    size_t *counts; /* [n_dropping + 1] */
    size_t n_dropping;
};

static float score(const dm_probe_view *view, size_t token, const struct delta_reading *reading) {
    const float *delta = view->delta + token * view->d_inner;
    double sum = 0;
    if (reading->context->score == DM_SCORE_GLOBAL) {
        const uint32_t *slow;
        size_t n = 0;
        (void)dm_model_global_channels(reading->model, view->layer, &slow, &n, NULL);
        for (size_t i = 0; i < n; i++)
            sum += (double)delta[slow[i]] * (double)delta[slow[i]];
        return n ? (float)sqrt(sum) : NAN;
    }
    bool mean = reading->context->score == DM_SCORE_MEAN;
    for (size_t c = 0; c < view->d_inner; c++)
        sum += mean ? (double)delta[c] : (double)delta[c] * (double)delta[c];
    return (float)(mean ? sum / (double)view->d_inner : sqrt(sum));
}

/* Layers below `layer` that drop tokens. */
static size_t count_below(const struct state *state, size_t layer) {
    size_t n = 0;
    for (size_t l = 0; l < layer; l++)
        n += state->drops[l];
    return n;
}

static void look(const dm_probe_view *view, void *user) {
    struct state *state = user;
    size_t n_token = state->map->n_token, below = count_below(state, view->layer);
    const size_t *places = state->places + below * n_token;
    if (view->kept) { /* the choice among what was shown before */
        size_t *after = state->places + (below + 1) * n_token;
        for (size_t t = 0; t < view->n_token; t++)
            after[view->first_position + t] = places[view->kept[t]];
        state->counts[below + 1] = view->first_position + view->n_token;
        return;
    }
    float *scores = state->map->scores + view->layer * n_token;
    for (size_t t = 0; t < view->n_token; t++)
        scores[places[view->first_position + t]] = score(view, t, state->reading);
}

static dm_status read_text(struct state *state, dm_error *error) {
    const struct delta_reading *own = state->reading;
    const struct scan_reading reading = {.model = own->model,
                                         .context = own->context,
                                         .ids = own->ids,
                                         .n_id = own->n_id,
                                         .progress = own->progress,
                                         .user = own->user};
    return scan_reading_probe(&reading, look, state, error);
}

/* A token that is in places[k] and not in places[k + 1] was dropped by the layer between. */
static void name_droppers(const struct state *state) {
    struct delta_map *map = state->map;
    size_t k = 0;
    for (size_t t = 0; t < map->n_token; t++)
        map->dropped_by[t] = map->n_layer;
    for (size_t layer = 0; layer < map->n_layer; layer++) {
        if (!state->drops[layer])
            continue;
        const size_t *before = state->places + k * map->n_token;
        const size_t *after = before + map->n_token;
        size_t n_after = state->counts[k + 1], kept = 0;
        for (size_t t = 0; t < state->counts[k]; t++)
            if (kept < n_after && before[t] == after[kept])
                kept++;
            else
                map->dropped_by[before[t]] = layer;
        k++;
    }
}

static dm_status make_room(struct state *state, dm_error *error) {
    struct delta_map *map = state->map;
    size_t n;
    if (__builtin_mul_overflow(map->n_layer, map->n_token, &n))
        return dm_fail_memory(error, "the analysis");
    map->scores = calloc(n, sizeof *map->scores);
    map->dropped_by = calloc(map->n_token, sizeof *map->dropped_by);
    state->drops = calloc(map->n_layer, sizeof *state->drops);
    state->counts = calloc(state->n_dropping + 1, sizeof *state->counts);
    /* at most n_layer layers drop tokens: the product is no larger than twice the one above */
    state->places = calloc((state->n_dropping + 1) * map->n_token, sizeof *state->places);
    if (!map->scores || !map->dropped_by || !state->drops || !state->counts || !state->places)
        return dm_fail_memory(error, "the analysis");
    for (size_t i = 0; i < n; i++)
        map->scores[i] = NAN;
    for (size_t t = 0; t < map->n_token; t++)
        state->places[t] = t;
    state->counts[0] = map->n_token;
    return DM_OK;
}

dm_status delta_map_read(const struct delta_reading *reading, struct delta_map *map,
                         dm_error *error) {
    const dm_context_options *context = reading->context;
    dm_model_info info = DM_MODEL_INFO_INIT;
    struct state state = {.reading = reading, .map = map};
    *map = (struct delta_map){.n_token = reading->n_id};
    dm_status status = dm_model_get_info(reading->model, &info, error);
    if (status)
        return status;
    map->n_layer = info.n_layer;
    state.n_dropping = context->method == DM_CONTEXT_NONE ? 0 : context->n_layer;
    status = make_room(&state, error);
    for (size_t i = 0; i < state.n_dropping && !status; i++)
        state.drops[context->layers[i]] = true;
    if (!status)
        status = read_text(&state, error);
    if (!status)
        name_droppers(&state);
    free(state.drops);
    free(state.counts);
    free(state.places);
    return status;
}

void delta_map_free(struct delta_map *map) {
    free(map->scores);
    free(map->dropped_by);
    *map = (struct delta_map){0};
}

size_t delta_map_count(const struct delta_map *map, size_t layer) {
    size_t n = 0;
    for (size_t t = 0; t < map->n_token; t++)
        n += map->dropped_by[t] >= layer;
    return n;
}
