/* The inner part of the packed products: what one instruction set does for one type of numbers.
 *
 * A weight lies in panels, each of some of its columns: input after input what these columns have
 * for it, side by side. What a column has for a unit of inputs takes 32 bits: a float, two bf16, or
 * four bytes. Zeros fill up the last panel and the last unit.
 *
 * A sum runs over the inputs in order, from the first to the last, whatever rows and columns are
 * beside it and whatever blocks the product is cut into: so its bits depend on none of these. */
#ifndef DM_BACKENDS_GEMM_KERNEL_H
#define DM_BACKENDS_GEMM_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/blocks.h"
#include "decimamba.h"

/* Some rows of x times some panels, over some units of inputs. */
struct dm_gemm_block {
    size_t n_row, n_column, n_unit;
    const void *x; /* the rows' first unit, as `prepare` made it */
    size_t x_step; /* bytes from row to row */
    const uint32_t *panels;
    size_t panel_step;   /* from panel to panel */
    const float *before; /* [n_row, n_column] sums over the units before; NULL: there are none */
    size_t before_step;
    float *y; /* [n_row, n_column]: the sums are stored there or, where it accumulates, added */
    size_t y_step;
    bool accumulate;
    /* in 8 bits, where a block has all inputs: y = whole sum * (column_scale * row_scale) */
    const float *row_scale, *column_scale;
    const int32_t *column_offset; /* 128 times the sum of a column's weights */
    /* in groups, where a block has all inputs: see groups.h */
    const uint16_t *scales;
    size_t scale_step; /* from panel to panel */
    enum dm_scale_form form;
    int32_t zero; /* what the bytes or nibbles have too much, in steps */
};

struct dm_gemm_kernel {
    const char *name;
    size_t columns;     /* of a panel; divides 64 */
    size_t unit;        /* inputs */
    size_t whole_units; /* a row is filled up to multiples of so many units */
    size_t block_units; /* best for a block; a multiple of whole_units */
    size_t unit_bytes;  /* of a row as `prepare` makes it */
    bool takes_signed;  /* weights in groups may be below 0 */
    /* Makes a row of n_byte ready, filled up with zeros; in 8 bits it returns the row's scale. NULL:
     * rows are taken as they are. */
    float (*prepare)(const float *x, size_t n_in, void *row, size_t n_byte);
    void (*multiply)(const struct dm_gemm_block *block);
};

/* The best kernel for a type among the instruction sets of `flags` (base/cpu_features.h); NULL: there
 * is none. */
const struct dm_gemm_kernel *dm_gemm_kernel(dm_dtype compute, unsigned flags);
/* The best for weights in groups of four bits or of eight. */
const struct dm_gemm_kernel *dm_gemm_group_kernel(bool is_narrow, unsigned flags);

#endif
