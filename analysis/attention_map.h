/* The hidden attention of a layer: how much of token j is in the output of its scan at token i.
 *
 *     M[i, j] = sum_s C_i[s] exp(A[s] sum_{k = j+1..i} Delta_k) Delta_j B_j[s]      for j <= i
 *
 * for each channel, and a map is the mean of |M| over the channels.
 * Source: Ali et al., The Hidden Attention of Mamba Models; of the official DeciMamba code's maps,
 * a channel's M and which channels are taken. It draws |mean of M|, in which signs cancel. */
#ifndef DECIMAMBA_ANALYSIS_ATTENTION_MAP_H
#define DECIMAMBA_ANALYSIS_ATTENTION_MAP_H

#include "scan_inputs.h"

/* row[0 .. i]: the map's entries for tokens 0 .. i of those that the layer reads. */
typedef void attention_visitor(const float *row, size_t i, void *user);

/* Visits the rows in order, from 0; the map is never held whole. A state whose decay between two
 * blocks of tokens is below decay_floor (decay.h) counts as 0, and where all states do, the rest of
 * the row is 0: an entry is wrong by at most decay_floor mean_c sum_s |C_i[s] Delta_j B_j[s]|,
 * beside rounding. Allocates tokens x channels x d_state floats and 64 rows. */
dm_status attention_map_rows(const struct scan_inputs *inputs, attention_visitor *visit, void *user,
                             dm_error *error);

#endif
