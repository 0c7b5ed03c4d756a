#include "backends/onednn_bytes.h"

#include <string.h>

#include "base/memory.h"

/* 255 times 127 for each of so many inputs is still below 2^31. */
enum { max_inputs = 1 << 16 };

dm_status dm_bytes_new(struct dm_matrix *matrix, dm_error *error) {
    if (matrix->row > max_inputs)
        return dm_fail(error, DM_ERROR_UNSUPPORTED,
                       "dtype int8: a weight of %zu inputs, at most %d are possible", matrix->n_in,
                       max_inputs);
    matrix->scale = dm_memory_array(matrix->n_out, sizeof *matrix->scale);
    matrix->offset = dm_memory_array(matrix->n_out, sizeof *matrix->offset);
    return matrix->scale && matrix->offset ? DM_OK : dm_fail_memory(error, "a weight");
}

void dm_bytes_free(struct dm_matrix *matrix) {
    dm_memory_free(matrix->scale);
    dm_memory_free(matrix->offset);
}

/* A column of the weight, signed; zeros fill its last unit. */
static void round_column(struct dm_matrix *matrix, const float *floats, size_t column,
                         unsigned char *bytes) {
    const struct dm_convert *convert = &matrix->context->convert;
    int32_t sum = 0;
    matrix->scale[column] = convert->bytes_from_floats(floats, matrix->n_in, bytes);
    for (size_t i = 0; i < matrix->n_in; i++) {
        sum += bytes[i] - 128;
        bytes[i] ^= 128;
    }
    memset(bytes + matrix->n_in, 0, matrix->row - matrix->n_in);
    matrix->offset[column] = 128 * sum;
}

dm_status dm_bytes_pack(struct dm_matrix *matrix, const struct dm_matrix_source *source,
                        dm_error *error) {
    enum { COLUMNS = 16 }; /* divides those of a block */
    const struct dm_layout *layout = &matrix->whole->layout;
    size_t n_unit = matrix->row / dm_inputs_of_unit(DM_DTYPE_INT8);
    float *floats = dm_memory_array(matrix->n_in, sizeof *floats);
    unsigned char *bytes = dm_memory_array(matrix->row, COLUMNS);
    if (floats && bytes)
        for (size_t column = 0, n; column < matrix->n_out; column += n) {
            n = matrix->n_out - column < COLUMNS ? matrix->n_out - column : COLUMNS;
            for (size_t i = 0; i < n; i++) {
                dm_reals_from(source->data, source->dtype, (column + i) * matrix->n_in,
                              matrix->n_in, floats);
                round_column(matrix, floats, column + i, bytes + i * matrix->row);
            }
            matrix->context->convert.transpose(bytes, n_unit, n, n_unit,
                                               (uint32_t *)(void *)matrix->packed +
                                                   column / layout->columns * layout->block +
                                                   column % layout->columns,
                                               layout->columns);
        }
    dm_status status = floats && bytes ? DM_OK : dm_fail_memory(error, "a weight");
    dm_memory_free(floats);
    dm_memory_free(bytes);
    return status;
}

void dm_bytes_prepare(const struct dm_matrix *matrix, const float *x, size_t n, unsigned char *rows,
                      float *scales) {
    for (size_t t = 0; t < n; t++, rows += matrix->row, x += matrix->n_in) {
        scales[t] = matrix->context->convert.bytes_from_floats(x, matrix->n_in, rows);
        memset(rows + matrix->n_in, 0, matrix->row - matrix->n_in);
    }
}
