/* The gradients of the matrix products' weights. */
#ifndef DM_BACKENDS_ONEDNN_GRADIENT_H
#define DM_BACKENDS_ONEDNN_GRADIENT_H

#include "backends/onednn_context.h"
#include "ops/matmul/matmul.h"

dm_status dm_onednn_gradient(struct dm_matmul_context *context, const struct dm_matmul_grad *op,
                             struct dm_threads *threads, dm_error *error);

#endif
