/* oneDNN's primitives for one shape of product, and the layout of the weight that they want.
 *
 * Where an allocation of its own fails, oneDNN throws or writes to address 0 (2.6.3). So memory is
 * lent to it while it makes something (of 283 kernels' primitives the largest took 4.5 MB), and
 * before products there is a look whether there is room. */
#ifndef DM_BACKENDS_ONEDNN_KERNELS_H
#define DM_BACKENDS_ONEDNN_KERNELS_H

#include <oneapi/dnnl/dnnl.h>
#include <pthread.h>
#include <stdbool.h>

#include "base/status.h"

enum {
    DM_TILE_LOG2 = 6, /* rows of a tile; shorter remainders are cut into powers of two */
    DM_TILE_ROWS = 1 << DM_TILE_LOG2,
    DM_COLUMN_BLOCK = 64 /* oneDNN's packed layouts keep so many columns together */
};

/* y [rows, n_out] = x [rows, n_in] times a weight [n_in, n_out], or += where it accumulates. In 8
 * bits x is unsigned, the weight signed, and y in whole numbers of 32 bits. */
struct dm_product {
    size_t n_in, n_out;
    size_t column_stride; /* of a weight that is part of a plain one, between two inputs; else 0 */
    dm_dtype compute;
    bool accumulate;
};

/* Inputs that share 32 bits of a packed weight, one behind the other. */
static inline size_t dm_inputs_of_unit(dm_dtype compute) {
    return compute == DM_DTYPE_INT8 ? 4 : compute == DM_DTYPE_BF16 ? 2 : 1;
}

/* Where a packed weight has what, in units of 32 bits: a float, the inputs 2k and 2k + 1 in bf16,
 * or four of them in 8 bits. Unit k of column n is at
 *     n / columns * block + k * columns + n % columns. */
struct dm_layout {
    size_t columns, block;
};

/* The product for 2^i rows, for every i up to DM_TILE_LOG2. oneDNN may take few rows by another
 * implementation, whose sums round otherwise: those are not used. */
struct dm_kernel {
    struct dm_kernel *next;
    struct dm_product product;
    struct dm_layout layout;
    bool blocked; /* else the weight lies plain, inputs outermost */
    int min_log2; /* the smallest i that is used */
    char implementation[64];
    size_t scratch_bytes;
    dnnl_memory_desc_t weight, x[DM_TILE_LOG2 + 1], y[DM_TILE_LOG2 + 1];
    dnnl_primitive_t primitives[DM_TILE_LOG2 + 1];
    dnnl_memory_desc_t scratch[DM_TILE_LOG2 + 1];
};

/* An engine, and the kernels made so far, each shared by all who want its product. */
struct dm_onednn {
    dnnl_engine_t engine;
    pthread_mutex_t mutex; /* guards the list */
    struct dm_kernel *kernels;
};

dm_status dm_onednn_open(struct dm_onednn *onednn, dm_error *error);
void dm_onednn_close(struct dm_onednn *onednn);
/* Can products run in this type? */
bool dm_onednn_has(dm_dtype compute);

/* Made at the first call for a product. The weight's layout is oneDNN's choice where its
 * column_stride is 0, else plain. */
dm_status dm_kernel_find(struct dm_onednn *onednn, const struct dm_product *product,
                         const struct dm_kernel **kernel, dm_error *error);
/* The i of the largest product that is used for `n_row` >= 1 rows: of no more than these, or of the
 * fewest, which the caller fills up. */
int dm_kernel_rows_log2(const struct dm_kernel *kernel, size_t n_row);
size_t dm_kernel_weight_bytes(const struct dm_kernel *kernel);

/* What a thread runs kernels with. oneDNN's objects for the operands of its last product are kept:
 * making them takes longer than a small product. */
struct dm_runner {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    const struct dm_kernel *kernel;
    int i;
    dnnl_memory_t operands[4];
};

dnnl_status_t dm_runner_open(struct dm_runner *runner, const struct dm_onednn *onednn);
void dm_runner_close(struct dm_runner *runner);
/* y [2^i, n_out] of x [2^i, n_in] and the packed weight, on this thread. */
dnnl_status_t dm_runner_run(struct dm_runner *runner, const struct dm_kernel *kernel, int i,
                            const void *x, const void *packed, void *y, void *scratch);

/* Keeps oneDNN on the calling thread until dm_onednn_together with what this returned: otherwise a
 * second team of threads, of libgomp, would run and spin beside ours. */
int dm_onednn_alone(void);
void dm_onednn_together(int n_thread);

dm_status dm_onednn_fail(dm_error *error, dnnl_status_t status, const char *what);

#endif
