/* oneDNN's primitives for one shape of product, and the layout of the weight that they want. */
#ifndef DM_BACKENDS_ONEDNN_KERNELS_H
#define DM_BACKENDS_ONEDNN_KERNELS_H

#include <oneapi/dnnl/dnnl.h>
#include <stdbool.h>

#include "base/status.h"

enum {
    DM_TILE_LOG2 = 6, /* rows of a tile; shorter remainders are cut into powers of two */
    DM_TILE_ROWS = 1 << DM_TILE_LOG2,
    DM_COLUMN_BLOCK = 64 /* oneDNN's packed layouts keep so many columns together */
};

/* [2^i, n_in] x [n_in, n_out] for every i up to DM_TILE_LOG2. */
struct dm_kernel {
    struct dm_kernel *next;
    size_t n_in, n_out;
    size_t column_stride; /* of a weight that is part of a plain one, between two inputs; else 0 */
    dm_dtype compute;
    size_t scratch_bytes;
    dnnl_memory_desc_t weight, x[DM_TILE_LOG2 + 1], y[DM_TILE_LOG2 + 1];
    dnnl_primitive_t primitives[DM_TILE_LOG2 + 1];
    dnnl_memory_desc_t scratch[DM_TILE_LOG2 + 1];
};

/* An engine, and the kernels made so far, each shared by all matrices of its shape. */
struct dm_onednn {
    dnnl_engine_t engine;
    struct dm_kernel *kernels;
};

dm_status dm_onednn_open(struct dm_onednn *onednn, dm_error *error);
void dm_onednn_close(struct dm_onednn *onednn);
bool dm_onednn_has_bf16(void);

/* Made at the first call for a shape. The weight's layout is oneDNN's choice where `column_stride`
 * is 0, else plain. */
dm_status dm_kernel_find(struct dm_onednn *onednn, size_t n_in, size_t n_out, size_t column_stride,
                         dm_dtype compute, const struct dm_kernel **kernel, dm_error *error);
/* Is the weight kept in blocks, rather than plain with inputs outermost? */
bool dm_kernel_is_blocked(const struct dm_kernel *kernel);
/* May a run of columns, from a multiple of DM_COLUMN_BLOCK on, be multiplied alone? Then gives the
 * bytes from one block of columns to the next. */
bool dm_kernel_can_slice(const struct dm_kernel *kernel, size_t *block_bytes);
size_t dm_kernel_weight_bytes(const struct dm_kernel *kernel);
/* Packs `rows`, a weight [n_out, n_in] in float32, into `packed`. */
dnnl_status_t dm_kernel_pack(const struct dm_onednn *onednn, const struct dm_kernel *kernel,
                             float *rows, void *packed);
/* y [2^i, n_out] = x [2^i, n_in] times the packed weight, on this thread. */
dnnl_status_t dm_kernel_run(const struct dm_onednn *onednn, const struct dm_kernel *kernel, int i,
                            dnnl_stream_t stream, void *x, void *packed, void *y, void *scratch);

/* Keeps oneDNN on the calling thread until dm_onednn_together with what this returned: otherwise a
 * second team of threads, of libgomp, would run and spin beside ours. */
int dm_onednn_alone(void);
void dm_onednn_together(int n_thread);

dm_status dm_onednn_fail(dm_error *error, dnnl_status_t status, const char *what);

#endif
