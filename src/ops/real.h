/* The type of all arithmetic: float. The gradient tests build the reference operations and the
 * network a second time on double (DM_DOUBLE), so that central differences show whether a
 * derivative is right instead of drowning in rounding; <tgmath.h> has the functions of both. */
#ifndef DM_OPS_REAL_H
#define DM_OPS_REAL_H

#include <stddef.h>

#include "base/blocks.h"
#include "decimamba.h"

#ifdef DM_DOUBLE
typedef double dm_real;
#else
typedef float dm_real;
#endif

/* Elements [first, first + n) of an array of `dtype`, possibly unaligned; DM_DTYPE_AUTO stands for
 * dm_real itself (aligned). */
void dm_reals_from(const void *data, dm_dtype dtype, size_t first, size_t n, dm_real *out);

/* The same of rows in blocks, all of the same length. */
void dm_reals_from_blocks(const void *data, const struct dm_block_kind *kind, size_t first,
                          size_t n, dm_real *out);

/* Rows of some of the channels, from `first` on; whole rows have first 0. */
struct dm_channel_view {
    const dm_real *data;
    size_t first, step; /* step: from row to row */
};

static inline const dm_real *dm_channel_view_at(const struct dm_channel_view *view, size_t row,
                                                size_t channel) {
    return view->data + row * view->step + (channel - view->first);
}

#endif
