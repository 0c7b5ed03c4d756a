/* A packed weight. */
#ifndef DM_BACKENDS_GEMM_MATRIX_H
#define DM_BACKENDS_GEMM_MATRIX_H

#include "backends/gemm/kernel.h"
#include "backends/gemm/workspace.h"
#include "ops/convert/convert.h"
#include "ops/matmul/matmul.h"

enum { DM_ROW_BLOCK = 64, DM_WIDEST_SLICE = 512 };

/* What all products of a backend share. */
struct dm_gemm {
    struct dm_gemm_memory memory;
    struct dm_convert convert;
    unsigned flags;
};

struct dm_matrix {
    struct dm_gemm *gemm;
    const struct dm_gemm_kernel *kernel;
    size_t n_in, n_out;
    size_t n_term;   /* 1; as the sum of bf16 up to DM_MAX_TERMS (terms.h) */
    size_t n_unit;   /* of a column, filled up; of each of its terms */
    size_t row_byte; /* of a row of x as `prepare` makes it, with all its terms */
    size_t n_slice, slice_columns;
    size_t panel_step, n_byte;
    uint32_t *panels;
    float *scale;                       /* [n_out], in 8 bits; else NULL */
    int32_t *offset;                    /* [n_out]: see struct dm_gemm_block */
    const struct dm_block_kind *blocks; /* in groups; else NULL */
    uint16_t *group_scales;             /* groups.h */
    size_t group_scale_step;
};

dm_status dm_matrix_new(void *state, const struct dm_matrix_source *source, dm_dtype compute,
                        struct dm_matrix **matrix, dm_error *error);
/* By a kernel, of the type itself or, for two or three terms, of bf16. */
dm_status dm_matrix_new_by(struct dm_gemm *gemm, const struct dm_gemm_kernel *kernel, size_t n_term,
                           const struct dm_matrix_source *source, dm_dtype compute,
                           struct dm_matrix **matrix, dm_error *error);
dm_status dm_matrix_set(struct dm_matrix *matrix, const struct dm_matrix_source *source,
                        dm_error *error);
void dm_matrix_free(struct dm_matrix *matrix);
size_t dm_matrix_bytes(const struct dm_matrix *matrix);
size_t dm_matrix_n_slice(const struct dm_matrix *matrix);
/* n_out for n_slice. */
size_t dm_matrix_first_column(const struct dm_matrix *matrix, size_t slice);

/* What a thread needs of a workspace: rows as `prepare` makes them and their scales, and sums of a
 * slice's columns. */
static inline size_t dm_matrix_x_bytes(const struct dm_matrix *matrix) {
    return matrix->kernel->prepare ? dm_round_up(DM_ROW_BLOCK * (matrix->row_byte + sizeof(float)))
                                   : 0;
}
enum { DM_SUM_BYTES = DM_ROW_BLOCK * DM_WIDEST_SLICE * sizeof(float) };

#endif
