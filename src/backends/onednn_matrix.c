/* Weights are packed once into the layout that oneDNN prefers. A matrix is used whole, a tile of
 * rows at a time, or by slices of columns, each of which lies within the whole one as its own
 * kernel wants it. */
#include "backends/onednn_matrix.h"

#include "backends/onednn_bytes.h"
#include "backends/onednn_pack.h"
#include "base/memory.h"

enum {
    max_slice = 512, /* columns */
    n_slice_aim = 8
};

/* ---- Slices ---- */

static void use_whole(struct dm_matrix *matrix) {
    matrix->slice = matrix->last_slice = matrix->whole;
    matrix->slice_columns = matrix->n_out;
    matrix->n_slice = 1;
}

/* Does the slice's weight lie within the whole one as the kernel wants it? */
static bool is_part(const struct dm_kernel *slice, const struct dm_matrix *matrix) {
    return slice->layout.columns == matrix->whole->layout.columns &&
           slice->layout.block == matrix->whole->layout.block;
}

static void choose_slices(struct dm_matrix *matrix) {
    const struct dm_kernel *whole = matrix->whole;
    size_t block = DM_COLUMN_BLOCK;
    if (whole->blocked && whole->layout.columns != block)
        return;
    size_t columns = (matrix->n_out / n_slice_aim + block - 1) / block * block;
    columns = columns < block ? block : columns > max_slice ? max_slice : columns;
    /* a plain kernel rounds a narrow slice its own way: the last one takes what is left over */
    size_t n_slice = (matrix->n_out + (whole->blocked ? columns - 1 : 0)) / columns;
    if (n_slice < 2)
        return;
    matrix->slice_columns = columns;
    matrix->n_slice = n_slice;
    matrix->slice_bytes =
        columns / block * (whole->blocked ? whole->layout.block : block) * sizeof(uint32_t);
}

size_t dm_matrix_first_column(const struct dm_matrix *matrix, size_t slice) {
    return slice < matrix->n_slice ? slice * matrix->slice_columns : matrix->n_out;
}

/* The layout: the whole matrix as oneDNN likes it, and kernels for its slices. */
static dm_status plan(struct dm_matrix *matrix, dm_error *error) {
    struct dm_onednn *onednn = &matrix->context->onednn;
    struct dm_product product = {
        .n_in = matrix->row, .n_out = matrix->n_out, .compute = matrix->compute};
    dm_status status = dm_kernel_find(onednn, &product, &matrix->whole, error);
    if (status)
        return status;
    use_whole(matrix);
    choose_slices(matrix);
    if (matrix->n_slice == 1)
        return DM_OK;
    product.column_stride = matrix->whole->blocked ? 0 : matrix->n_out;
    product.n_out = matrix->slice_columns;
    status = dm_kernel_find(onednn, &product, &matrix->slice, error);
    product.n_out = matrix->n_out - dm_matrix_first_column(matrix, matrix->n_slice - 1);
    if (!status)
        status = dm_kernel_find(onednn, &product, &matrix->last_slice, error);
    if (!status && !(is_part(matrix->slice, matrix) && is_part(matrix->last_slice, matrix)))
        use_whole(matrix);
    return status;
}

/* ---- Life ---- */

size_t dm_matrix_workspace_bytes(const struct dm_matrix *matrix) {
    size_t scratch = matrix->whole->scratch_bytes;
    if (matrix->slice->scratch_bytes > scratch)
        scratch = matrix->slice->scratch_bytes;
    if (matrix->last_slice->scratch_bytes > scratch)
        scratch = matrix->last_slice->scratch_bytes;
    return dm_matrix_x_bytes(matrix) + dm_matrix_y_bytes(matrix) + dm_round_up(scratch);
}

dm_status dm_matrix_set(struct dm_matrix *matrix, const struct dm_matrix_source *source,
                        dm_error *error) {
    if (matrix->compute == DM_DTYPE_INT8)
        return dm_bytes_pack(matrix, source, error);
    const struct dm_packing packing = {&matrix->context->convert, matrix->whole, matrix->packed};
    dm_pack_matrix(&packing, source);
    return DM_OK;
}

void dm_matrix_free(struct dm_matrix *matrix) {
    if (!matrix)
        return;
    dm_bytes_free(matrix);
    dm_memory_free(matrix);
}

dm_status dm_matrix_new(void *context, const struct dm_matrix_source *source, dm_dtype compute,
                        struct dm_matrix **result, dm_error *error) {
    struct dm_matrix *matrix = dm_memory_zeroed(1, sizeof *matrix);
    if (!matrix)
        return dm_fail_memory(error, "a weight");
    matrix->context = context;
    matrix->n_in = source->n_in;
    matrix->n_out = source->n_out;
    size_t unit = dm_inputs_of_unit(compute);
    matrix->row = (matrix->n_in + unit - 1) / unit * unit;
    matrix->compute = compute;
    dm_status status = plan(matrix, error);
    if (!status) {
        matrix->n_byte = dm_kernel_weight_bytes(matrix->whole);
        matrix->packed = dm_matmul_context_pack_room(context, matrix->n_byte);
        status = matrix->packed
                     ? dm_matmul_context_need(context, dm_matrix_workspace_bytes(matrix), error)
                     : dm_fail_memory(error, "a weight");
    }
    if (!status && compute == DM_DTYPE_INT8)
        status = dm_bytes_new(matrix, error);
    if (!status)
        status = dm_matrix_set(matrix, source, error);
    if (status)
        dm_matrix_free(matrix);
    else
        *result = matrix;
    return status;
}

size_t dm_matrix_bytes(const struct dm_matrix *matrix) {
    size_t columns = matrix->scale ? sizeof *matrix->scale + sizeof *matrix->offset : 0;
    return matrix->n_byte + matrix->n_out * columns;
}
