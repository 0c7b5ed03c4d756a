/* Gathering rows, and scattering them back: of the kept tokens at a cut, or of the last ones. */
#ifndef DM_LAYERS_GATHER_H
#define DM_LAYERS_GATHER_H

#include "base/threads.h"
#include "ops/real.h"

/* to[i] = from[index[i]], rows of `width`, i in [0, n). */
void dm_rows_gather(struct dm_threads *threads, const dm_real *from, const size_t *index, size_t n,
                    size_t width, dm_real *to);
/* to[index[i]] += from[i]; the indices ascend. */
void dm_rows_scatter_add(struct dm_threads *threads, const dm_real *from, const size_t *index,
                         size_t n, size_t width, dm_real *to);
/* to = 0, [n, width]. */
void dm_rows_clear(dm_real *to, size_t n, size_t width);
/* sums[i] += sum_t x[t,i], tokens in order. */
void dm_rows_sum(struct dm_threads *threads, const dm_real *x, size_t n, size_t width,
                 dm_real *sums);

#endif
