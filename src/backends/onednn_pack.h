/* Packing a weight as a kernel wants it: see struct dm_layout. */
#ifndef DM_BACKENDS_ONEDNN_PACK_H
#define DM_BACKENDS_ONEDNN_PACK_H

#include "backends/onednn_kernels.h"
#include "ops/convert/convert.h"
#include "ops/matmul/matmul.h"

struct dm_packing {
    const struct dm_convert *convert;
    const struct dm_kernel *kernel;
    void *packed;
};

/* A part of a weight in float32: `n_in` inputs of `n_out` columns, the first of which are `input`
 * (even) and `column`. What belongs to one column lies in a row, one input after the other; where
 * it is transposed, what belongs to one input. */
struct dm_part {
    const float *data;
    size_t step; /* from row to row */
    bool transposed;
    size_t input, n_in, column, n_out;
};

/* Reads a part of a row ahead of its use: where rows are much longer than the part, hardware does
 * not foresee the next one. */
enum { DM_ROWS_AHEAD = 32 };
static inline void dm_prefetch_row(const float *row, size_t n) {
    for (size_t i = 0; i < n; i += 16)
        __builtin_prefetch(row + i, 0, 2);
}

/* Leaves what fills up the layout's last blocks as it is, but for the second half of a pair. */
void dm_pack(const struct dm_packing *packing, const struct dm_part *part);
/* Zeros for the inputs [input, end), `end` even, of n_out columns; of an odd input's pair too. */
void dm_pack_zeros(const struct dm_packing *packing, size_t input, size_t end, size_t column,
                   size_t n_out);
void dm_pack_matrix(const struct dm_packing *packing, const struct dm_matrix_source *source);

#endif
