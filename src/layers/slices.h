/* A part of a layer by slices of channels, for reading: what a product makes of a slice is used by
 * the operations that follow it while it is in the thread's own cache, and is never stored whole.
 * Bits are those of the operations one after the other. */
#ifndef DM_LAYERS_SLICES_H
#define DM_LAYERS_SLICES_H

#include "base/first_error.h"
#include "layers/network.h"

/* The slices of one call, taken by the threads in turn. */
struct dm_slices {
    const struct dm_batch *batch;
    size_t layer;
    /* does all for a slice, with two scratch buffers [n_token, plan's width] of its thread */
    void (*run)(struct dm_slices *slices, size_t slice, dm_real *scratch[2]);
    const void *x; /* rows of what is multiplied, as the products take them */
    size_t n_slice;
    atomic_size_t next;
    struct dm_first_error first_error;
};

/* The columns of a slice. */
struct dm_columns {
    size_t first, n;
};
struct dm_columns dm_slice_columns(const struct dm_batch *batch, const struct dm_matrix *matrix,
                                   size_t slice);

/* Rows x [n_token, width] as products by slices with `matrix` take them. */
void dm_slices_prepare(const struct dm_batch *batch, const struct dm_matrix *matrix,
                       const dm_real *x, size_t width);
/* Runs every slice of a product of `matrix` and rows x [n_token, n_in]; where dm_slices_prepare has
 * converted these rows, of the converted ones. */
dm_status dm_slices_run(const struct dm_batch *batch, size_t layer,
                        void (*run)(struct dm_slices *slices, size_t slice, dm_real *scratch[2]),
                        const struct dm_matrix *matrix, const dm_real *x, size_t n_in,
                        dm_error *error);
/* The columns of a slice of a product of rows x into y, rows of which are `step` apart; false: it
 * failed, as the run will say. */
bool dm_slice_multiply(struct dm_slices *slices, const struct dm_matrix *matrix, const void *x,
                       size_t slice, dm_real *y, size_t step, bool accumulate,
                       enum dm_operation operation);

/* Do the slices of both matrices hold the same columns? And how wide is the widest? */
bool dm_slices_agree(const struct dm_matmul_backend *matmul, const struct dm_matrix *a,
                     const struct dm_matrix *b);
size_t dm_widest_slice(const struct dm_matmul_backend *matmul, const struct dm_matrix *matrix);

#endif
