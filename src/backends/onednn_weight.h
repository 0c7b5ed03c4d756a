/* A weight packed for oneDNN (onednn_matrix.h), in 8 bits too (onednn_bytes.h). */
#ifndef DM_BACKENDS_ONEDNN_WEIGHT_H
#define DM_BACKENDS_ONEDNN_WEIGHT_H

#include "backends/onednn_context.h"
#include "ops/matmul/matmul.h"

struct dm_matrix {
    struct dm_matmul_context *context;
    size_t n_in, n_out;
    size_t row; /* inputs of a row as a kernel takes it: n_in filled up to whole units. With an odd
                   number of them, oneDNN 2.6.3's bf16 can end in an illegal instruction */
    size_t n_slice, slice_columns, slice_bytes, n_byte;
    dm_dtype compute;
    const struct dm_kernel *whole, *slice, *last_slice;
    unsigned char *packed;
    float *scale;    /* [n_out], of a weight in 8 bits; else NULL */
    int32_t *offset; /* [n_out]: see struct dm_byte_columns */
};

#endif
