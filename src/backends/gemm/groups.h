/* Weights in groups (base/blocks.h), packed. A column's steps are in the panels: a unit is eight inputs
 * of four bits, the lower halves of its four bytes first, or four bytes. Where a kernel takes none below
 * 0, `zero` of a block was added to them.
 *
 * Beside each panel lie its scales, 16 bits for each of its columns: for DM_SUPER_GROUPS groups d and
 * d_min, then the scale of each group. A row of x has for each group its steps, their scale, and the sum
 * of the steps of each half. So
 *
 *     y = sum over groups of (scale * x_scale) * (sum of (steps - zero) * x_steps)
 *                            - minimum * x_scale * (sum of x_steps)
 *
 * where the inner sums are whole numbers; the outer one is in float32, and in order. */
#ifndef DM_BACKENDS_GEMM_GROUPS_H
#define DM_BACKENDS_GEMM_GROUPS_H

#include "base/blocks.h"

enum { DM_SUPER_SCALES = 2 + DM_SUPER_GROUPS }; /* of a column */

/* How many scales a column has for `n_group` groups. */
static inline size_t dm_group_scales(size_t n_group) {
    return (n_group + DM_SUPER_GROUPS - 1) / DM_SUPER_GROUPS * DM_SUPER_SCALES;
}

#endif
