/* Weights packed for oneDNN, whole and cut into slices of columns. */
#ifndef DM_BACKENDS_ONEDNN_MATRIX_H
#define DM_BACKENDS_ONEDNN_MATRIX_H

#include "backends/onednn_weight.h"

dm_status dm_matrix_new(void *context, const struct dm_matrix_source *source, dm_dtype compute,
                        struct dm_matrix **matrix, dm_error *error);
dm_status dm_matrix_set(struct dm_matrix *matrix, const struct dm_matrix_source *source,
                        dm_error *error);
void dm_matrix_free(struct dm_matrix *matrix);
size_t dm_matrix_bytes(const struct dm_matrix *matrix);

/* Where slice number `slice` begins; n_out for n_slice. */
size_t dm_matrix_first_column(const struct dm_matrix *matrix, size_t slice);
static inline const struct dm_kernel *dm_matrix_kernel(const struct dm_matrix *matrix,
                                                       size_t slice) {
    return slice + 1 < matrix->n_slice ? matrix->slice : matrix->last_slice;
}

/* Parts of a workspace: rows of x as a kernel takes them (and zeros that fill them up), rows of y
 * where they cannot be written at once, and oneDNN's own. */
static inline size_t dm_matrix_x_bytes(const struct dm_matrix *matrix) {
    return dm_round_up(DM_TILE_ROWS * (matrix->row * sizeof(uint16_t) + sizeof(float)));
}
static inline size_t dm_matrix_y_bytes(const struct dm_matrix *matrix) {
    return dm_round_up(DM_TILE_ROWS * matrix->n_out * sizeof(float));
}
size_t dm_matrix_workspace_bytes(const struct dm_matrix *matrix);

#endif
