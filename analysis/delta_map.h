/* The score of every token at every layer that reads it, by its step Delta, and the layer that
 * dropped it. It is the score by which a decimating layer keeps tokens:
 *
 *     norm     sqrt(sum_c Delta_c^2)  (official code)
 *     mean     sum_c Delta_c / d_inner  (the paper)
 *     global   the norm over the layer's slow channels alone
 *
 * of all tokens that enter the layer, before it drops any. */
#ifndef DECIMAMBA_ANALYSIS_DELTA_MAP_H
#define DECIMAMBA_ANALYSIS_DELTA_MAP_H

#include "scan_reading.h"

struct delta_map {
    size_t n_token, n_layer;
    float *scores;      /* [n_layer, n_token] by position; NAN: a layer below dropped it,
                           or the layer has no slow channels */
    size_t *dropped_by; /* [n_token] the layer that dropped it; n_layer: none did */
};

/* Reads the text once; the score of reading->method is mapped, whatever its kind. The map can be freed
 * either way. */
dm_status delta_map_read(const struct scan_reading *reading, struct delta_map *map,
                         dm_error *error);
/* The score of one of a view's tokens; of other scores than these three the norm. */
float delta_score(const dm_probe_view *view, size_t token, const dm_model *model, dm_score score);
void delta_map_free(struct delta_map *map);

/* Tokens that enter a layer; at n_layer, those that no layer dropped. */
size_t delta_map_count(const struct delta_map *map, size_t layer);

#endif
