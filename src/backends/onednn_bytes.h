/* Weights in 8 bits: packed units of four inputs, a scale and an offset for each column. */
#ifndef DM_BACKENDS_ONEDNN_BYTES_H
#define DM_BACKENDS_ONEDNN_BYTES_H

#include "backends/onednn_weight.h"

/* Room for the columns of a weight; DM_ERROR_UNSUPPORTED where sums may leave 32 bits. */
dm_status dm_bytes_new(struct dm_matrix *matrix, dm_error *error);
void dm_bytes_free(struct dm_matrix *matrix);
/* Packs a weight (not a transposed one). */
dm_status dm_bytes_pack(struct dm_matrix *matrix, const struct dm_matrix_source *source,
                        dm_error *error);

/* Rows of x as the products take them: the bytes of `n_token` rows, then their scales. */
static inline float *dm_bytes_scales(const struct dm_matrix *matrix, const void *prepared,
                                     size_t n_token) {
    return (float *)(uintptr_t)((const unsigned char *)prepared + n_token * matrix->row);
}
void dm_bytes_prepare(const struct dm_matrix *matrix, const float *x, size_t n, unsigned char *rows,
                      float *scales);

#endif
