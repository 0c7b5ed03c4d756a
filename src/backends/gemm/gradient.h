/* The gradients of the matrix products' weights. */
#ifndef DM_BACKENDS_GEMM_GRADIENT_H
#define DM_BACKENDS_GEMM_GRADIENT_H

#include "ops/matmul/matmul.h"

dm_status dm_gemm_gradient(void *gemm, const struct dm_matmul_grad *op, struct dm_threads *threads,
                           dm_error *error);

#endif
