/* A map of many tokens binned to few pixels, each the mean of its entries. */
#ifndef DECIMAMBA_ANALYSIS_MAP_BINS_H
#define DECIMAMBA_ANALYSIS_MAP_BINS_H

#include "attention_map.h"

struct map_bins {
    size_t n_bin;        /* on each axis: min(max_bins, length) */
    size_t *bin;         /* [n_token] of each of the layer's tokens */
    double *sum;         /* [n_bin, n_bin] row: the bin of i; column: of j */
    uint64_t *count;     /* [n_bin, n_bin] entries with j <= i, both kept */
    float largest_entry; /* of the map itself */
};

/* For the n_token tokens of a layer at these positions of a text of `length` tokens, which the axes
 * span: a token is in bin floor(position n_bin / length). The bins can be freed even after an
 * error. */
dm_status map_bins_new(struct map_bins *bins, size_t length, size_t max_bins,
                       const size_t *positions, size_t n_token, dm_error *error);
void map_bins_free(struct map_bins *bins);

/* An attention_visitor; user: struct map_bins. */
void map_bins_add(const float *row, size_t i, void *user);

/* Writes the means into values [n_bin, n_bin], NAN where a bin has no entry (above the diagonal,
 * and where every token was dropped). Returns the largest mean. */
float map_bins_means(const struct map_bins *bins, float *values);

#endif
