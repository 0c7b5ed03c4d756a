/* What `decimamba analyze distance` has measured, its table, and its files in a folder:
 *
 *     distance.tsv              mean distance: a row for each length, a column for each layer
 *     distance.json             the same, with what was read and where each layer stops growing
 *     distance.safetensors      distance.N [layers, channels] for each length N
 *     distance.gp, .png, .svg   distance against length */
#ifndef DECIMAMBA_ANALYZE_DISTANCE_H
#define DECIMAMBA_ANALYZE_DISTANCE_H

#include "analyze_input.h"

struct distances {
    const struct analyze_input *input;
    size_t n_query, trained; /* trained 0: unknown */
    const size_t *lengths;   /* [n_length] ascending */
    size_t n_length, n_layer, n_channel;
    double *channels; /* [n_length, n_layer, n_channel] */
    double *means; /* [n_length, n_layer + 1] over the channels; last, over layers and channels */
};

static inline double distances_mean(const struct distances *distances, size_t k, size_t layer) {
    return distances->means[k * (distances->n_layer + 1) + layer];
}

/* The length at which a layer (n_layer: their mean) stops looking farther back, as
 * receptive_field.h has it; 0: not in sight. */
size_t distances_end(const struct distances *distances, size_t layer);

/* Faults print their line. */
bool distances_print(const struct distances *distances);
json_t *distances_json(const struct distances *distances);
bool distances_write(const struct distances *distances, const char *folder);

/* Fills a script that draws distance.tsv. */
void distances_script(const struct distances *distances, FILE *stream);

#endif
