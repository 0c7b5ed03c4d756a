/* Products and norms over a batch, split over threads and profiled: for layers of every kind. */
#ifndef DM_LAYERS_PRODUCTS_H
#define DM_LAYERS_PRODUCTS_H

#include "layers/network.h"

/* y [n_token, n_out] = x [n_token, n_in] times the weight, or += that. */
dm_status dm_multiply(const struct dm_batch *batch, const struct dm_matrix *weight,
                      const dm_real *x, bool accumulate, dm_real *y, enum dm_operation operation,
                      dm_error *error);
/* Independent products, side by side. */
dm_status dm_multiply_all(const struct dm_batch *batch, const struct dm_matmul *products, size_t n,
                          enum dm_operation operation, dm_error *error);
/* RMSNorm of the batch's rows. */
void dm_norm_rows(const struct dm_batch *batch, const struct dm_rms_norm *op);
/* y[t, i] += bias[i] for rows of `width`, `step` apart; `bias` NULL: nothing. */
void dm_add_bias(const dm_real *bias, size_t n_token, size_t width, size_t step, dm_real *y);

#endif
