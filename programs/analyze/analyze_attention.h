/* The maps that `decimamba analyze attention` has made, and their files in a folder:
 *
 *     attention.safetensors    map.L [bins, bins] and, where tokens were dropped, places.L; where a
 *                              sheet of the maps would be too large, sheet.L [cells, cells]
 *     attention.json           what was read, and each map's largest values
 *     attention.gp, .png, .svg all maps on one sheet
 *     attention-layer-L...     the same of a layer that is to be drawn large */
#ifndef DECIMAMBA_ANALYZE_ATTENTION_H
#define DECIMAMBA_ANALYZE_ATTENTION_H

#include "analyze_input.h"

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
    const struct analyze_input *input;
    size_t length, n_bin, step, n_channel;
    size_t n_cell; /* of a map's side on the sheet: n_bin, or fewer, each the largest of its bins */
    double floor;  /* the least that is drawn: log10 of the value by the largest */
    struct attention_layer *layers;
    size_t n_layer;
};

/* Maps beside each other on the sheet. */
size_t attention_across(const struct attention *attention);

/* Faults print their line. `attention` learns the offsets. */
bool attention_write(struct attention *attention, const char *folder);

/* Fills a script: of the sheet, or of one layer. */
void attention_sheet_script(const struct attention *attention, FILE *stream);
void attention_layer_script(const struct attention *attention, const struct attention_layer *layer,
                            FILE *stream);

#endif
