#include "ops/matmul/matmul.h"

#include "base/memory.h"

/* The plain one: float32, row-major, as it was stored. */
struct dm_matrix {
    size_t n_out, n_in;
    dm_real *weight; /* [n_out, n_in] */
};

static void matrix_free(struct dm_matrix *matrix) {
    if (matrix)
        dm_memory_free(matrix->weight);
    dm_memory_free(matrix);
}

void dm_source_reals(const struct dm_matrix_source *source, size_t row, size_t first, size_t n,
                     dm_real *out) {
    size_t length = source->transposed ? source->n_out : source->n_in;
    if (!source->blocks) {
        dm_reals_from(source->data, source->dtype, row * length + first, n, out);
        return;
    }
    const unsigned char *blocks =
        (const unsigned char *)source->data + row * dm_blocks_bytes(source->blocks, length);
    for (size_t i = 0, piece; i < n; i += piece) {
        float floats[DM_GROUP];
        piece = n - i < DM_GROUP ? n - i : DM_GROUP;
        dm_blocks_to_floats(source->blocks, blocks, first + i, piece, floats);
        for (size_t j = 0; j < piece; j++)
            out[i + j] = floats[j];
    }
}

static dm_status matrix_set(struct dm_matrix *matrix, const struct dm_matrix_source *source,
                            dm_error *error) {
    (void)error;
    size_t n_out = matrix->n_out, n_in = matrix->n_in;
    for (size_t o = 0; o < n_out; o++)
        if (!source->transposed)
            dm_source_reals(source, o, 0, n_in, matrix->weight + o * n_in);
        else
            for (size_t i = 0; i < n_in; i++)
                dm_source_reals(source, i, o, 1, &matrix->weight[o * n_in + i]);
    return DM_OK;
}

static dm_status matrix_new(void *state, const struct dm_matrix_source *source, dm_dtype compute,
                            struct dm_matrix **result, dm_error *error) {
    (void)state, (void)compute;
    size_t n_element;
    struct dm_matrix *matrix = dm_memory_zeroed(1, sizeof *matrix);
    if (!matrix || !dm_size_mul(source->n_out, source->n_in, &n_element) ||
        !(matrix->weight = dm_memory_array(n_element, sizeof(dm_real)))) {
        matrix_free(matrix);
        return dm_fail_memory(error, "a weight");
    }
    matrix->n_out = source->n_out;
    matrix->n_in = source->n_in;
    *result = matrix;
    return matrix_set(matrix, source, error);
}

static size_t matrix_bytes(const struct dm_matrix *matrix) {
    return matrix->n_out * matrix->n_in * sizeof(dm_real);
}

static dm_status begin(void *state, size_t n_thread, dm_error *error) {
    (void)state, (void)n_thread, (void)error;
    return DM_OK;
}

static void end(void *state) {
    (void)state;
}

/* ---- Products ---- */

static dm_real inner_product(const dm_real *x, const dm_real *weight, size_t n) {
    dm_real sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i] * weight[i];
    return sum;
}

static void multiply_row(void *context, size_t t) {
    const struct dm_matmul *op = context;
    const struct dm_matrix *matrix = op->weight;
    const dm_real *x = op->x + t * matrix->n_in;
    dm_real *y = op->y + t * matrix->n_out;
    for (size_t o = 0; o < matrix->n_out; o++) {
        dm_real sum = inner_product(x, matrix->weight + o * matrix->n_in, matrix->n_in);
        y[o] = op->accumulate ? y[o] + sum : sum;
    }
}

static dm_status multiply(const struct dm_matmul *ops, size_t n_op, struct dm_threads *threads,
                          dm_error *error) {
    (void)error;
    for (size_t i = 0; i < n_op; i++) {
        struct dm_matmul copy = ops[i];
        dm_parallel_for(threads, copy.n_token, multiply_row, &copy);
    }
    return DM_OK;
}

/* ---- Slices ---- */

enum { slice_columns = 64 };

static size_t n_slice(const struct dm_matrix *matrix) {
    return (matrix->n_out + slice_columns - 1) / slice_columns;
}

static size_t first_column(const struct dm_matrix *matrix, size_t slice) {
    return slice < n_slice(matrix) ? slice * slice_columns : matrix->n_out;
}

static size_t prepared_bytes(const struct dm_matrix *matrix, size_t n_token) {
    (void)matrix, (void)n_token;
    return 0;
}

static void prepare(const struct dm_matrix *matrix, const struct dm_preparation *op, size_t first,
                    size_t n) {
    (void)matrix, (void)op, (void)first, (void)n;
}

static dm_status multiply_slice(const struct dm_slice_product *op, dm_error *error) {
    (void)error;
    const struct dm_matrix *matrix = op->weight;
    size_t first = first_column(matrix, op->slice), end = first_column(matrix, op->slice + 1);
    const dm_real *x = op->x;
    for (size_t t = 0; t < op->n_token; t++, x += matrix->n_in)
        for (size_t o = first; o < end; o++) {
            dm_real *y = op->y + t * op->y_step + (o - first);
            dm_real sum = inner_product(x, matrix->weight + o * matrix->n_in, matrix->n_in);
            *y = op->accumulate ? *y + sum : sum;
        }
    return DM_OK;
}

/* ---- Gradients ---- */

static void weight_gradient_row(void *context, size_t o) {
    const struct dm_matmul_grad *op = context;
    dm_real *dweight = op->dweight + o * op->n_in;
    for (size_t t = 0; t < op->n_token; t++)
        for (size_t i = 0; i < op->n_in; i++)
            dweight[i] += op->dy[t * op->n_out + o] * op->x[t * op->n_in + i];
}

static dm_status weight_gradient(void *state, const struct dm_matmul_grad *op,
                                 struct dm_threads *threads, dm_error *error) {
    (void)state, (void)error;
    struct dm_matmul_grad copy = *op;
    dm_parallel_for(threads, copy.n_out, weight_gradient_row, &copy);
    return DM_OK;
}

static bool has(void *state, dm_dtype compute) {
    (void)state;
    return compute == DM_DTYPE_F32 || compute == DM_DTYPE_BF16X3;
}

static void free_state(void *state) {
    (void)state;
}

const struct dm_matmul_backend dm_matmul_reference = {
    .matrix_new = matrix_new,
    .matrix_set = matrix_set,
    .matrix_free = matrix_free,
    .matrix_bytes = matrix_bytes,
    .begin = begin,
    .end = end,
    .multiply = multiply,
    .n_slice = n_slice,
    .first_column = first_column,
    .prepared_bytes = prepared_bytes,
    .prepare = prepare,
    .multiply_slice = multiply_slice,
    .weight_gradient = weight_gradient,
    .has = has,
    .free_state = free_state,
};
