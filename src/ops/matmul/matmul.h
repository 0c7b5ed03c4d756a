/* y[t,o] = sum_i x[t,i] * weight[o,i]   (or y[t,o] += ...)
 * Operands and result are float32 here; a backend may hold the weight, and round x, in
 * bf16 or in 8 bits. */
#ifndef DM_OPS_MATMUL_H
#define DM_OPS_MATMUL_H

#include <stdbool.h>

#include "base/blocks.h"
#include "base/threads.h"
#include "ops/real.h"

/* A weight to be packed, as it is in a file or in memory. */
struct dm_matrix_source {
    const void *data; /* [n_out, n_in] of `dtype`, as dm_reals_from takes it */
    dm_dtype dtype;
    size_t n_out, n_in;
    bool transposed; /* data is [n_in, n_out]: for dx = dy W, as the product of dy and W' */
    const struct dm_block_kind *blocks; /* not NULL: data is rows of such blocks, not transposed */
};

/* Elements [first, first + n) of a row as it is stored. */
void dm_source_reals(const struct dm_matrix_source *source, size_t row, size_t first, size_t n,
                     dm_real *out);

struct dm_matrix; /* a packed weight; each backend has its own */

enum { DM_MAX_PRODUCTS = 2 };

struct dm_matmul {
    size_t n_token;
    const dm_real *x; /* [n_token, n_in] */
    const struct dm_matrix *weight;
    dm_real *y; /* [n_token, n_out] */
    bool accumulate;
};

/* Rows to convert for products with a matrix. */
struct dm_preparation {
    size_t n_token;
    const dm_real *x; /* [n_token, n_in] */
    void *prepared;
};

/* The columns of one slice of a matrix, on the caller's own thread, which uses them while they are
 * in its cache. Bits are those of the whole product. */
struct dm_slice_product {
    size_t n_token;
    const void *x; /* [n_token, n_in] as `prepare` made it; x itself where it makes nothing */
    const struct dm_matrix *weight;
    size_t slice;
    dm_real *y;    /* the slice's columns of n_token rows */
    size_t y_step; /* from row to row */
    bool accumulate;
};

/* The gradient of a product's weight: dweight[o,i] += sum_t dy[t,o] * x[t,i]. The order of the sum
 * does not depend on the number of threads. */
struct dm_matmul_grad {
    size_t n_token, n_in, n_out;
    const dm_real *x;  /* [n_token, n_in] */
    const dm_real *dy; /* [n_token, n_out] */
    dm_real *dweight;  /* [n_out, n_in], accumulates */
    dm_dtype compute;  /* what x and dy are rounded to: DM_DTYPE_F32 or DM_DTYPE_BF16 */
};

/* Immutable once its matrices are made, except for what a mutex of its own guards. */
struct dm_matmul_backend {
    void *state;
    /* Packs a weight; `compute` is DM_DTYPE_F32, _BF16, _BF16X3 or (weights that are not
     * transposed) _INT8 or _Q4; or, for a weight in blocks, DM_DTYPE_AUTO: products are with exactly
     * what the blocks hold. Several threads may do so. */
    dm_status (*matrix_new)(void *state, const struct dm_matrix_source *source, dm_dtype compute,
                            struct dm_matrix **matrix, dm_error *error);
    /* Packs other values, of the same shape; several threads may do so for different matrices, and
     * may make them. */
    dm_status (*matrix_set)(struct dm_matrix *matrix, const struct dm_matrix_source *source,
                            dm_error *error);
    void (*matrix_free)(struct dm_matrix *matrix);
    size_t (*matrix_bytes)(const struct dm_matrix *matrix);
    /* A caller begins before its products, and ends after them; in between, products with matrices
     * made before cannot run out of memory. `n_thread`: of its dm_threads. A weight's gradient can,
     * where it needs more than before; dweight is unchanged then. */
    dm_status (*begin)(void *state, size_t n_thread, dm_error *error);
    void (*end)(void *state);
    /* Up to DM_MAX_PRODUCTS independent products, side by side. The bits of a row do not depend on
     * the rows beside it. */
    dm_status (*multiply)(const struct dm_matmul *ops, size_t n_op, struct dm_threads *threads,
                          dm_error *error);
    /* Slices of a matrix: how many, and where one begins; n_out for n_slice. */
    size_t (*n_slice)(const struct dm_matrix *matrix);
    size_t (*first_column)(const struct dm_matrix *matrix, size_t slice);
    /* Rows of x converted for products by slices: how many bytes; 0: x is taken as it is, and
     * `prepare` does nothing. Several threads may prepare different rows [first, first + n). */
    size_t (*prepared_bytes)(const struct dm_matrix *matrix, size_t n_token);
    void (*prepare)(const struct dm_matrix *matrix, const struct dm_preparation *op, size_t first,
                    size_t n);
    dm_status (*multiply_slice)(const struct dm_slice_product *op, dm_error *error);
    dm_status (*weight_gradient)(void *state, const struct dm_matmul_grad *op,
                                 struct dm_threads *threads, dm_error *error);
    /* Can products run in this type? */
    bool (*has)(void *state, dm_dtype compute);
    void (*free_state)(void *state);
};

extern const struct dm_matmul_backend dm_matmul_reference;

#endif
