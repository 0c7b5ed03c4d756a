/* Matrix products with weights that are packed once, by kernels of our own. */
#ifndef DM_BACKENDS_GEMM_GEMM_H
#define DM_BACKENDS_GEMM_GEMM_H

#include "ops/convert/convert.h"
#include "ops/matmul/matmul.h"

/* With the kernels of the instruction sets of `flags` (base/cpu_features.h), of which there must be
 * one for float32. */
dm_status dm_gemm_matmul(struct dm_matmul_backend *backend, const struct dm_convert *convert,
                         unsigned flags, dm_error *error);

#endif
