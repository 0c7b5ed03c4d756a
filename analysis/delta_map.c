#include "delta_map.h"

#include <math.h>
#include <stdlib.h>

#include "base/status.h"

struct state {
    const struct scan_reading *reading;
    struct delta_map *map;
};

float delta_score(const dm_probe_view *view, size_t token, const dm_model *model, dm_score score) {
    const float *delta = view->delta + token * view->d_inner;
    double sum = 0;
    if (score == DM_SCORE_GLOBAL) {
        const uint32_t *slow;
        size_t n = 0;
        (void)dm_model_global_channels(model, view->layer, &slow, &n, NULL);
        for (size_t i = 0; i < n; i++)
            sum += (double)delta[slow[i]] * (double)delta[slow[i]];
        return n ? (float)sqrt(sum) : NAN;
    }
    bool mean = score == DM_SCORE_MEAN;
    for (size_t c = 0; c < view->d_inner; c++)
        sum += mean ? (double)delta[c] : (double)delta[c] * (double)delta[c];
    return (float)(mean ? sum / (double)view->d_inner : sqrt(sum));
}

/* What enters a layer that drops tokens counts as dropped until it is seen among those that are
 * kept. */
static void look(const struct scan_chunk *chunk, void *user) {
    const struct state *state = user;
    const dm_probe_view *view = chunk->view;
    struct delta_map *map = state->map;
    float *scores = map->scores + view->layer * map->n_token;
    for (size_t t = 0; t < view->n_token; t++) {
        size_t position = chunk->positions[t];
        if (!view->kept)
            scores[position] =
                delta_score(view, t, state->reading->model, state->reading->method->score);
        map->dropped_by[position] = chunk->before_choice ? view->layer : map->n_layer;
    }
}

static dm_status make_room(struct delta_map *map, dm_error *error) {
    size_t n;
    if (__builtin_mul_overflow(map->n_layer, map->n_token, &n))
        return dm_fail_memory(error, "the analysis");
    map->scores = calloc(n, sizeof *map->scores);
    map->dropped_by = calloc(map->n_token, sizeof *map->dropped_by);
    if (!map->scores || !map->dropped_by)
        return dm_fail_memory(error, "the analysis");
    for (size_t i = 0; i < n; i++)
        map->scores[i] = NAN;
    return DM_OK;
}

dm_status delta_map_read(const struct scan_reading *reading, struct delta_map *map,
                         dm_error *error) {
    struct scan_reading scans = *reading;
    struct state state = {.reading = reading, .map = map};
    dm_model_info info = DM_MODEL_INFO_INIT;
    *map = (struct delta_map){.n_token = reading->n_id};
    dm_status status = dm_model_get_info(reading->model, &info, error);
    if (status)
        return status;
    map->n_layer = info.n_layer;
    scans.with_dropped = true;
    status = make_room(map, error);
    return status ? status : scan_reading_run(&scans, look, &state, error);
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
