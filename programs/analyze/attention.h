/* The maps that `decimamba analyze attention` has made, and their files in a folder, which the manual
 * (analyze_attention.c) lists. */
#ifndef DECIMAMBA_ANALYZE_ATTENTION_H
#define DECIMAMBA_ANALYZE_ATTENTION_H

#include "cli/table.h"
#include "view.h"

struct attention_layer {
    size_t layer, n_token;
    float *values;       /* [n_bin, n_bin] mean |M|; NAN: no entry */
    int64_t *places;     /* [n_token]; NULL: every token is there */
    float largest;       /* of the values */
    float largest_entry; /* of the map before it was binned */
    bool large;          /* has a picture of its own */
    float *cells;        /* [n_cell, n_cell] what the sheet shows; NULL: the values */
    size_t offset;       /* of the values in attention.safetensors */
    size_t sheet_offset; /* of what the sheet shows */
};

struct attention {
    struct analysis analysis;
    size_t step, max_bins; /* --channels, --bins */
    struct size_list show, large;
    double floor; /* the least that is drawn: log10 of the value by the largest */
    size_t n_bin, n_channel;
    size_t n_across; /* maps beside each other on the sheet */
    size_t n_cell; /* of a map's side on the sheet: n_bin, or fewer, each the largest of its bins */
    struct attention_layer *layers;
    size_t n_layer;
};

/* A row for each map: the layer, its tokens, and its largest values; with `files` also what figures need
 * to find the maps. */
void attention_table(const struct attention *attention, bool files, struct table *table);
json_t *attention_describe(const struct analysis *analysis);
/* Writes all files but attention.json; learns the offsets. */
bool attention_write(struct analysis *analysis, const char *folder);

#endif
