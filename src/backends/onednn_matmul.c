/* A product is cut into pieces that our own threads take: tiles of rows when there are many rows,
 * slices of columns when there are few, or as layers ask for them that run by slices. Every piece
 * is a single-threaded oneDNN primitive, and no piece depends on the number of threads. oneDNN's
 * packed kernels (AVX-512, AMX) give a row the same bits whatever the rows beside it, as long as
 * the same implementation takes them (struct dm_kernel); its plain ones do so for products of 4, 16
 * and 64 rows only (measured, with 2.6.3), so where it prefers the plain layout other sizes are not
 * used. Rows of zeros fill the last product. */
#include "backends/onednn_matmul.h"

#include <string.h>

#include "backends/onednn_bytes.h"
#include "backends/onednn_gradient.h"
#include "backends/onednn_matrix.h"
#include "base/memory.h"

enum { min_tiles = 4 /* fewer rows than so many tiles are cut by columns */ };

/* ---- Rows of x as the products take them ---- */

static size_t row_bytes(const struct dm_matrix *matrix) {
    return matrix->row * sizeof(uint32_t) / dm_inputs_of_unit(matrix->compute);
}

static size_t prepared_bytes(const struct dm_matrix *matrix, size_t n_token) {
    size_t scale = matrix->compute == DM_DTYPE_INT8 ? sizeof(float) : 0;
    return matrix->compute == DM_DTYPE_F32 ? 0 : n_token * (row_bytes(matrix) + scale);
}

static void prepare_bf16(const struct dm_matrix *matrix, const float *x, size_t n, uint16_t *rows) {
    const struct dm_convert *convert = &matrix->context->convert;
    if (matrix->row == matrix->n_in) {
        convert->bf16_from_floats(x, n * matrix->n_in, rows);
        return;
    }
    for (size_t t = 0; t < n; t++, rows += matrix->row) {
        convert->bf16_from_floats(x + t * matrix->n_in, matrix->n_in, rows);
        rows[matrix->n_in] = 0;
    }
}

/* n rows to where `rows` and, in 8 bits, `scales` begin. */
static void prepare_rows(const struct dm_matrix *matrix, const float *x, size_t n, void *rows,
                         float *scales) {
    if (matrix->compute == DM_DTYPE_BF16)
        prepare_bf16(matrix, x, n, rows);
    else if (matrix->compute == DM_DTYPE_INT8)
        dm_bytes_prepare(matrix, x, n, rows, scales);
    else
        memcpy(rows, x, n * matrix->n_in * sizeof *x);
}

static void prepare(const struct dm_matrix *matrix, const struct dm_preparation *op, size_t first,
                    size_t n) {
    if (matrix->compute != DM_DTYPE_F32)
        prepare_rows(matrix, op->x + first * matrix->n_in, n,
                     (unsigned char *)op->prepared + first * row_bytes(matrix),
                     dm_bytes_scales(matrix, op->prepared, op->n_token) + first);
}

/* ---- Pieces ---- */

/* A slice's columns, or all, of some rows. */
struct piece {
    const struct dm_matrix *matrix;
    const struct dm_kernel *kernel;
    const unsigned char *packed; /* the slice's weight */
    size_t first_column;
    size_t n_token;
    const void *x; /* [n_token, n_in], prepared; or floats that are to be prepared on the way: */
    bool is_raw;
    float *y; /* [n_token, n_column] */
    size_t y_step;
    bool accumulate;
};

static struct piece slice_of(const struct dm_matrix *matrix, size_t slice) {
    return (struct piece){.matrix = matrix,
                          .kernel = dm_matrix_kernel(matrix, slice),
                          .packed = matrix->packed + slice * matrix->slice_bytes,
                          .first_column = dm_matrix_first_column(matrix, slice)};
}

/* In steps that a compiler turns into vectors. */
static void add(const float *restrict values, size_t n, float *restrict to) {
    enum { STEP = 16 };
    size_t i = 0;
    for (; i + STEP <= n; i += STEP)
        for (size_t k = 0; k < STEP; k++)
            to[i + k] += values[i + k];
    for (; i < n; i++)
        to[i] += values[i];
}

/* Rows of x for a product, and in 8 bits their scales. */
struct rows {
    const void *x;
    const float *scales;
};

/* Those from `row` on, filled up to n_padded: where they lie, or in `room`. */
static struct rows take_rows(const struct piece *piece, size_t row, size_t n_row, size_t n_padded,
                             unsigned char *room) {
    const struct dm_matrix *matrix = piece->matrix;
    size_t size = row_bytes(matrix);
    float *scales = dm_bytes_scales(matrix, room, DM_TILE_ROWS);
    struct rows rows = {room, scales};
    if (piece->is_raw && (matrix->compute != DM_DTYPE_F32 || n_row < n_padded)) {
        prepare_rows(matrix, (const float *)piece->x + row * matrix->n_in, n_row, room, scales);
    } else {
        rows.x = (const unsigned char *)piece->x + row * size;
        if (matrix->compute == DM_DTYPE_INT8)
            rows.scales = dm_bytes_scales(matrix, piece->x, piece->n_token) + row;
        if (n_row == n_padded)
            return rows;
        memcpy(room, rows.x, n_row * size);
        rows.x = room;
    }
    memset(room + n_row * size, 0, (n_padded - n_row) * size);
    return rows;
}

/* What a product gave of n_row rows from `row` on goes to y. */
static void put_rows(const struct piece *piece, const void *from, const float *scales, size_t row,
                     size_t n_row) {
    const struct dm_matrix *matrix = piece->matrix;
    size_t n_column = piece->kernel->product.n_out;
    struct dm_byte_columns columns = {NULL, NULL};
    if (matrix->compute == DM_DTYPE_INT8)
        columns = (struct dm_byte_columns){matrix->scale + piece->first_column,
                                           matrix->offset + piece->first_column};
    for (size_t t = 0; t < n_row; t++) {
        float *to = piece->y + (row + t) * piece->y_step;
        const float *values = (const float *)from + t * n_column;
        if (matrix->compute == DM_DTYPE_INT8)
            matrix->context->convert.floats_from_sums((const int32_t *)from + t * n_column,
                                                      &columns, scales[t], n_column,
                                                      piece->accumulate, to);
        else if (piece->accumulate)
            add(values, n_column, to);
        else
            memcpy(to, values, n_column * sizeof(float));
    }
}

/* Rows [row, row + n_row), n_row <= 2^i. */
static dnnl_status_t multiply_rows(const struct piece *piece, struct dm_workspace *workspace,
                                   size_t row, size_t n_row, int i) {
    size_t n_padded = (size_t)1 << i, n_column = piece->kernel->product.n_out;
    struct rows rows = take_rows(piece, row, n_row, n_padded, workspace->bytes);
    unsigned char *room = workspace->bytes + dm_matrix_x_bytes(piece->matrix);
    void *scratch = room + dm_matrix_y_bytes(piece->matrix);
    /* a slice of several rows is not contiguous in a wider y */
    bool direct = piece->matrix->compute != DM_DTYPE_INT8 && !piece->accumulate &&
                  n_row == n_padded && (n_row == 1 || n_column == piece->y_step);
    float *y = direct ? piece->y + row * piece->y_step : (float *)(void *)room;
    dnnl_status_t status =
        dm_runner_run(&workspace->runner, piece->kernel, i, rows.x, piece->packed, y, scratch);
    if (!status && !direct)
        put_rows(piece, y, rows.scales, row, n_row);
    return status;
}

/* By as large products as the kernel has for what is left. */
static dnnl_status_t multiply_piece(const struct piece *piece) {
    const struct dm_kernel *kernel = piece->kernel;
    struct dm_matmul_context *context = piece->matrix->context;
    struct dm_workspace *workspace =
        dm_workspace_take(context, &context->workspaces, dm_matrix_workspace_bytes(piece->matrix));
    if (!workspace)
        return dnnl_out_of_memory;
    int n_thread = dm_onednn_alone();
    dnnl_status_t status = dnnl_success;
    for (size_t row = 0, n_row; row < piece->n_token && !status; row += n_row) {
        size_t left = piece->n_token - row;
        int i = dm_kernel_rows_log2(kernel, left);
        n_row = left < (size_t)1 << i ? left : (size_t)1 << i;
        status = multiply_rows(piece, workspace, row, n_row, i);
    }
    dm_onednn_together(n_thread);
    dm_workspace_give_back(context, &context->workspaces, workspace);
    return status;
}

static dm_status multiply_slice(const struct dm_slice_product *op, dm_error *error) {
    struct piece piece = slice_of(op->weight, op->slice);
    piece.n_token = op->n_token;
    piece.x = op->x;
    piece.y = op->y;
    piece.y_step = op->y_step;
    piece.accumulate = op->accumulate;
    dnnl_status_t failure = multiply_piece(&piece);
    return failure ? dm_onednn_fail(error, failure, "a matrix product") : DM_OK;
}

/* ---- Whole products ---- */

struct job {
    const struct dm_matmul *op;
    bool by_columns; /* a piece is a slice of all rows, else a tile of all columns */
    size_t n_piece;
};

struct jobs {
    struct job list[DM_MAX_PRODUCTS]; /* the pieces of one follow those of the one before */
    dnnl_status_t failure;
};

static void run_job(void *context, size_t i) {
    struct jobs *jobs = context;
    const struct job *job = jobs->list;
    while (i >= job->n_piece)
        i -= job++->n_piece;
    const struct dm_matmul *op = job->op;
    size_t row = job->by_columns ? 0 : i * DM_TILE_ROWS, left = op->n_token - row;
    struct piece piece = slice_of(op->weight, job->by_columns ? i : 0);
    if (!job->by_columns)
        piece.kernel = op->weight->whole;
    piece.n_token = job->by_columns || left < DM_TILE_ROWS ? left : DM_TILE_ROWS;
    piece.x = op->x + row * op->weight->n_in;
    piece.is_raw = true;
    piece.y_step = op->weight->n_out;
    piece.y =
        op->y + row * piece.y_step + (job->by_columns ? dm_matrix_first_column(op->weight, i) : 0);
    piece.accumulate = op->accumulate;
    dnnl_status_t status = multiply_piece(&piece);
    if (status)
        __atomic_store_n(&jobs->failure, status, __ATOMIC_RELAXED);
}

static struct job cut(const struct dm_matmul *op) {
    size_t n_tile = (op->n_token + DM_TILE_ROWS - 1) / DM_TILE_ROWS;
    bool by_columns = n_tile < min_tiles && op->weight->n_slice > 1;
    return (struct job){op, by_columns, by_columns ? op->weight->n_slice : n_tile};
}

static dm_status multiply(const struct dm_matmul *ops, size_t n_op, struct dm_threads *threads,
                          dm_error *error) {
    struct jobs jobs = {.failure = dnnl_success};
    size_t n_piece = 0;
    for (size_t i = 0; i < n_op; i++) {
        jobs.list[i] = cut(&ops[i]);
        n_piece += jobs.list[i].n_piece;
    }
    dm_parallel_for(threads, n_piece, run_job, &jobs);
    return jobs.failure ? dm_onednn_fail(error, jobs.failure, "a matrix product") : DM_OK;
}

static size_t n_slice(const struct dm_matrix *matrix) {
    return matrix->n_slice;
}

/* ---- The backend ---- */

static dm_status begin(void *context, size_t n_thread, dm_error *error) {
    return dm_matmul_context_begin(context, n_thread, error);
}

static void end(void *context) {
    dm_matmul_context_end(context);
}

static dm_status weight_gradient(void *context, const struct dm_matmul_grad *op,
                                 struct dm_threads *threads, dm_error *error) {
    return dm_onednn_gradient(context, op, threads, error);
}

static bool has(void *context, dm_dtype compute) {
    (void)context;
    return dm_onednn_has(compute);
}

static void free_state(void *context) {
    dm_matmul_context_close(context);
    dm_memory_free(context);
}

dm_status dm_onednn_matmul(struct dm_matmul_backend *backend, const struct dm_convert *convert,
                           dm_error *error) {
    struct dm_matmul_context *context = dm_memory_zeroed(1, sizeof *context);
    if (!context)
        return dm_fail_memory(error, "the matrix products");
    dm_status status = dm_matmul_context_open(context, convert, error);
    if (status) {
        dm_memory_free(context);
        return status;
    }
    *backend = (struct dm_matmul_backend){.state = context,
                                          .matrix_new = dm_matrix_new,
                                          .matrix_set = dm_matrix_set,
                                          .matrix_free = dm_matrix_free,
                                          .matrix_bytes = dm_matrix_bytes,
                                          .begin = begin,
                                          .end = end,
                                          .multiply = multiply,
                                          .n_slice = n_slice,
                                          .first_column = dm_matrix_first_column,
                                          .prepared_bytes = prepared_bytes,
                                          .prepare = prepare,
                                          .multiply_slice = multiply_slice,
                                          .weight_gradient = weight_gradient,
                                          .has = has,
                                          .free_state = free_state};
    return DM_OK;
}
