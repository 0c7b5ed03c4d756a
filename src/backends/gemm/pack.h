/* Packing a weight into panels: see kernel.h. */
#ifndef DM_BACKENDS_GEMM_PACK_H
#define DM_BACKENDS_GEMM_PACK_H

#include "backends/gemm/kernel.h"
#include "ops/convert/convert.h"
#include "ops/matmul/matmul.h"

struct dm_packing {
    const struct dm_convert *convert;
    const struct dm_gemm_kernel *kernel; /* of float32 or bf16, unless it is said below */
    uint32_t *panels;
    size_t panel_step;
    size_t n_term, term_units; /* of a weight as the sum of so many bf16: see terms.h */
    uint16_t *scales;          /* in groups */
    size_t scale_step;
};

/* A part of a weight in float32: `n_in` inputs of `n_out` columns, the first of which are `input`
 * (of a whole unit) and `column`. What belongs to one column lies in a row, one input after the
 * other; where it is transposed, what belongs to one input. */
struct dm_part {
    const float *data;
    size_t step; /* from row to row */
    bool transposed;
    size_t input, n_in, column, n_out;
};

/* Leaves what fills up the last panel as it is. */
void dm_pack(const struct dm_packing *packing, const struct dm_part *part);
/* Zeros for the units [unit, end) of all columns. */
void dm_pack_zeros(const struct dm_packing *packing, size_t unit, size_t end, size_t n_column);
void dm_pack_matrix(const struct dm_packing *packing, const struct dm_matrix_source *source);

/* The same in 8 bits, of a weight that is not transposed; and for each column its scale, and 128
 * times the sum of its weights. DM_ERROR_MEMORY: nothing has changed. */
dm_status dm_pack_bytes(const struct dm_packing *packing, const struct dm_matrix_source *source,
                        float *scale, int32_t *offset, dm_error *error);

/* The same in groups: the blocks of the source where they are of this kind, else its numbers rounded to
 * it. DM_ERROR_UNSUPPORTED: beyond its range. */
dm_status dm_pack_groups(const struct dm_packing *packing, const struct dm_block_kind *kind,
                         const struct dm_matrix_source *source, dm_error *error);
/* What a packed weight's steps have too much. */
int32_t dm_group_zero(const struct dm_block_kind *kind, const struct dm_gemm_kernel *kernel);

#endif
