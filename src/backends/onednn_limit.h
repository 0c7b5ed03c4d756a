/* For benchmarks: what oneDNN itself reaches with one large product. */
#ifndef DM_BACKENDS_ONEDNN_LIMIT_H
#define DM_BACKENDS_ONEDNN_LIMIT_H

#include <stdbool.h>

#include "base/status.h"
#include "base/threads.h"

/* Seconds that [n_row, n_in] x [n_in, n_out] takes, the best of `n_repeat`: each thread multiplies
 * its share of the rows by one primitive. `packed`: the weight lies as oneDNN likes it, else plain,
 * inputs outermost. */
dm_status dm_onednn_limit(size_t n_row, size_t n_in, size_t n_out, dm_dtype compute, bool packed,
                          size_t n_repeat, struct dm_threads *threads, double *seconds,
                          dm_error *error);

#endif
