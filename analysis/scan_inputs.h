/* The inputs of some layers' scans over a text, for some of their channels, in memory. */
#ifndef DECIMAMBA_ANALYSIS_SCAN_INPUTS_H
#define DECIMAMBA_ANALYSIS_SCAN_INPUTS_H

#include <stdbool.h>

#include "scan_reading.h"

struct scan_inputs {
    size_t n_token, n_channel, d_state; /* n_channel 0: the layer is not wanted */
    size_t capacity;                    /* tokens that there is room for */
    float *A;                           /* [n_channel, d_state], negative */
    float *delta;                       /* [n_channel, capacity] */
    float *B, *C; /* [capacity, n_group, d_state]: a channel reads its group's */
    size_t n_group;
    size_t *group;     /* [n_channel] */
    size_t *positions; /* [capacity] in the text, ascending */
};

/* Reads the text, and makes *layers [n_layer], the number of the model's layers: of those that are
 * `wanted`, channels 0, step, 2 step, ... It takes about 8 (groups * d_state + channels / 2 + 1) bytes per
 * layer and token. */
dm_status scan_inputs_collect(const struct scan_reading *reading, const bool *wanted, size_t step,
                              struct scan_inputs **layers, dm_error *error);
/* B or C of a token, as channel c of those collected reads them. */
static inline const float *scan_inputs_row(const struct scan_inputs *inputs, const float *rows,
                                           size_t token, size_t c) {
    return rows + (token * inputs->n_group + inputs->group[c]) * inputs->d_state;
}
void scan_inputs_free(struct scan_inputs *layers, size_t n_layer);

#endif
