#include "backends/gemm/matrix.h"

#include "backends/gemm/groups.h"
#include "backends/gemm/pack.h"
#include "backends/gemm/terms.h"
#include "base/memory.h"

enum {
    slice_step = 64, /* columns; panels lie within */
    n_slice_aim = 8,
    max_byte_inputs = 1 << 16 /* 255 times 127 for each of them is below 2^31 */
};

static size_t divide_up(size_t a, size_t b) {
    return (a + b - 1) / b;
}

static dm_status lay_out(struct dm_matrix *matrix, dm_error *error) {
    const struct dm_gemm_kernel *kernel = matrix->kernel;
    size_t columns = divide_up(matrix->n_out / n_slice_aim, slice_step) * slice_step;
    columns = columns < slice_step ? slice_step : columns;
    matrix->slice_columns = columns < DM_WIDEST_SLICE ? columns : DM_WIDEST_SLICE;
    matrix->n_slice = divide_up(matrix->n_out, matrix->slice_columns);
    matrix->n_unit =
        divide_up(matrix->n_in, kernel->unit * kernel->whole_units) * kernel->whole_units;
    matrix->row_byte = matrix->n_term * matrix->n_unit * kernel->unit_bytes;
    matrix->panel_step = matrix->n_term * matrix->n_unit * kernel->columns;
    size_t n_panel = divide_up(matrix->n_out, kernel->columns);
    if (matrix->blocks)
        matrix->group_scale_step =
            dm_group_scales(divide_up(matrix->n_in, DM_GROUP)) * kernel->columns;
    size_t of_panel = matrix->panel_step * sizeof(uint32_t) +
                      matrix->group_scale_step * sizeof *matrix->group_scales;
    if (!dm_size_mul(n_panel, of_panel, &matrix->n_byte))
        return dm_fail_memory(error, "a weight");
    return DM_OK;
}

static dm_status allocate(struct dm_matrix *matrix, bool in_bytes, dm_error *error) {
    if (in_bytes) {
        matrix->scale = dm_memory_array(matrix->n_out, sizeof *matrix->scale);
        matrix->offset = dm_memory_array(matrix->n_out, sizeof *matrix->offset);
    }
    matrix->panels = dm_weight_room(&matrix->gemm->memory, matrix->n_byte);
    if (!matrix->panels || (in_bytes && !(matrix->scale && matrix->offset)))
        return dm_fail_memory(error, "a weight");
    size_t n_panel = divide_up(matrix->n_out, matrix->kernel->columns);
    if (matrix->blocks)
        matrix->group_scales = (uint16_t *)(void *)(matrix->panels + n_panel * matrix->panel_step);
    return dm_workspaces_need(&matrix->gemm->memory, dm_matrix_x_bytes(matrix) + DM_SUM_BYTES,
                              error);
}

dm_status dm_matrix_set(struct dm_matrix *matrix, const struct dm_matrix_source *source,
                        dm_error *error) {
    const struct dm_packing packing = {.convert = &matrix->gemm->convert,
                                       .kernel = matrix->kernel,
                                       .panels = matrix->panels,
                                       .panel_step = matrix->panel_step,
                                       .n_term = matrix->n_term,
                                       .term_units = matrix->n_unit,
                                       .scales = matrix->group_scales,
                                       .scale_step = matrix->group_scale_step};
    if (matrix->blocks)
        return dm_pack_groups(&packing, matrix->blocks, source, error);
    if (matrix->scale)
        return dm_pack_bytes(&packing, source, matrix->scale, matrix->offset, error);
    dm_pack_matrix(&packing, source);
    return DM_OK;
}

void dm_matrix_free(struct dm_matrix *matrix) {
    if (!matrix)
        return;
    dm_memory_free(matrix->scale);
    dm_memory_free(matrix->offset);
    dm_memory_free(matrix);
}

/* The groups that a weight is packed in; NULL: in none. */
static const struct dm_block_kind *blocks_for(const struct dm_matrix_source *source,
                                              dm_dtype compute) {
    const struct dm_block_kind *stored = source->blocks;
    bool as_stored = stored && (compute == DM_DTYPE_AUTO ||
                                (compute == DM_DTYPE_Q4 && dm_blocks_are_narrow(stored)));
    return as_stored ? stored : compute == DM_DTYPE_Q4 ? &dm_blocks_q4_k : NULL;
}

dm_status dm_matrix_new_by(struct dm_gemm *gemm, const struct dm_gemm_kernel *kernel, size_t n_term,
                           const struct dm_matrix_source *source, dm_dtype compute,
                           struct dm_matrix **result, dm_error *error) {
    struct dm_matrix *matrix = dm_memory_zeroed(1, sizeof *matrix);
    if (!matrix)
        return dm_fail_memory(error, "a weight");
    matrix->gemm = gemm;
    matrix->blocks = blocks_for(source, compute);
    matrix->kernel = kernel;
    matrix->n_term = n_term;
    matrix->n_in = source->n_in;
    matrix->n_out = source->n_out;
    dm_status status = lay_out(matrix, error);
    if (!status)
        status = allocate(matrix, compute == DM_DTYPE_INT8, error);
    if (!status)
        status = dm_matrix_set(matrix, source, error);
    if (status)
        dm_matrix_free(matrix);
    else
        *result = matrix;
    return status;
}

dm_status dm_matrix_new(void *state, const struct dm_matrix_source *source, dm_dtype compute,
                        struct dm_matrix **result, dm_error *error) {
    struct dm_gemm *gemm = state;
    const struct dm_block_kind *blocks = blocks_for(source, compute);
    const struct dm_gemm_kernel *kernel =
        blocks ? dm_gemm_group_kernel(dm_blocks_are_narrow(blocks), gemm->flags)
               : dm_gemm_kernel(compute, gemm->flags);
    size_t n_term = compute == DM_DTYPE_BF16X3 && kernel->unit > 1 ? DM_MAX_TERMS : 1;
    if (compute == DM_DTYPE_INT8 && source->n_in > max_byte_inputs)
        return dm_fail(error, DM_ERROR_UNSUPPORTED,
                       "dtype int8: a weight of %zu inputs, at most %d are possible", source->n_in,
                       max_byte_inputs);
    return dm_matrix_new_by(gemm, kernel, n_term, source, compute, result, error);
}

size_t dm_matrix_bytes(const struct dm_matrix *matrix) {
    size_t of_column = matrix->scale ? sizeof *matrix->scale + sizeof *matrix->offset : 0;
    return matrix->n_byte + matrix->n_out * of_column;
}

size_t dm_matrix_n_slice(const struct dm_matrix *matrix) {
    return matrix->n_slice;
}

size_t dm_matrix_first_column(const struct dm_matrix *matrix, size_t slice) {
    return slice < matrix->n_slice ? slice * matrix->slice_columns : matrix->n_out;
}
