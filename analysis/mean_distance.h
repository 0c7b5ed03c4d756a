/* How far back a layer looks: Mamba Mean Distance, of each channel, at query i
 *
 *     sum_{j <= i} (i - j) |M[i, j]| / sum_{j <= i} |M[i, j]|
 *
 * with M the channel's hidden attention (attention_map.h), in tokens of the text, and the mean over
 * the queries. A channel whose row is all zero has distance 0.
 * Source: Ben-Kish et al., DeciMamba, section 3; there the one query is the last token. */
#ifndef DECIMAMBA_ANALYSIS_MEAN_DISTANCE_H
#define DECIMAMBA_ANALYSIS_MEAN_DISTANCE_H

#include "scan_reading.h"

/* Fills distance [n_layer, n_step] of the model; the queries are the last n_query tokens of the
 * text (1 <= n_query <= n_id, and context->keep_tail >= n_query where tokens are dropped). Reads
 * the text twice, first for the queries, then for the tokens that they find: the map is never
 * built, and memory does not grow with the text. reading->progress counts both: 2 n_id in all. A
 * state whose decay is below decay_floor (decay.h) counts as 0. Runs on the model's number of
 * threads, on which the result does not depend. */
dm_status mean_distance(const struct scan_reading *reading, size_t n_query, double *distance,
                        dm_error *error);

/* ---- Where a model stops looking farther back as its text grows ---- */

/* Growth of the mean distance per doubling of the length, under which it counts as none. */
#define receptive_field_growth 1.10

/* The index in lengths[0 .. n), ascending, of the shortest length from which on the distance grows
 * by less than the factor receptive_field_growth per doubling, from each length to the next; n - 1
 * says that it still grows at the last step. n >= 1. */
size_t receptive_field_end(const double *lengths, const double *distances, size_t n);

#endif
