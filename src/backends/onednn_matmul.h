/* Matrix products by oneDNN, on threads of our own. */
#ifndef DM_BACKENDS_ONEDNN_MATMUL_H
#define DM_BACKENDS_ONEDNN_MATMUL_H

#include "ops/convert/convert.h"
#include "ops/matmul/matmul.h"

dm_status dm_onednn_matmul(struct dm_matmul_backend *backend, const struct dm_convert *convert,
                           dm_error *error);

#endif
