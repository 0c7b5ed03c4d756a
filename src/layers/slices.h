/* A part of a layer by slices of channels, for reading: the operations after a product use its
 * slice while it is in the thread's own cache, and the whole result is never stored. The bits are
 * those of running one operation after the other. */
#ifndef DM_LAYERS_SLICES_H
#define DM_LAYERS_SLICES_H

#include "base/first_error.h"
#include "layers/network.h"

/* The slices of one call, taken by the threads in turn. */
struct dm_slices {
    const struct dm_batch *batch;
    size_t layer;
    /* runs one slice, with two scratch buffers [n_token, plan's width] of its thread */
    void (*run)(struct dm_slices *slices, size_t slice, dm_real *scratch[2]);
    const void *x; /* the rows that are multiplied, converted for the products */
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

/* Converts rows x [n_token, width] for products with slices of `matrix`. */
void dm_slices_prepare(const struct dm_batch *batch, const struct dm_matrix *matrix,
                       const dm_real *x, size_t width);
/* Runs every slice of a product of `matrix` and rows x [n_token, n_in]; where dm_slices_prepare has
 * converted these rows, of the converted ones. */
dm_status dm_slices_run(const struct dm_batch *batch, size_t layer,
                        void (*run)(struct dm_slices *slices, size_t slice, dm_real *scratch[2]),
                        const struct dm_matrix *matrix, const dm_real *x, size_t n_in,
                        dm_error *error);
/* Writes the slice's columns of the product of rows x to y, whose rows are `step` apart; false: it
 * failed, and dm_slices_run returns the error. */
bool dm_slice_multiply(struct dm_slices *slices, const struct dm_matrix *matrix, const void *x,
                       size_t slice, dm_real *y, size_t step, bool accumulate,
                       enum dm_operation operation);

/* Do the slices of both matrices hold the same columns? How wide is the widest? */
bool dm_slices_agree(const struct dm_matmul_backend *matmul, const struct dm_matrix *a,
                     const struct dm_matrix *b);
size_t dm_widest_slice(const struct dm_matmul_backend *matmul, const struct dm_matrix *matrix);

#endif
