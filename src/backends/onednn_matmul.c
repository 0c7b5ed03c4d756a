/* Weights are packed once into the layout that oneDNN prefers. A product is cut into pieces that
 * our own threads take: tiles of rows when there are many rows, slices of columns when there are
 * few. Every piece is a single-threaded oneDNN primitive, and no piece depends on the number of
 * threads. oneDNN's packed kernels (AVX-512) give a row the same bits whatever the rows beside
 * it; its plain ones do so for products of 4, 16 and 64 rows only (measured, with 2.6.3), so where
 * it prefers the plain layout other sizes are not used, and up to 3 rows of zeros fill the last. */
#include "backends/onednn_matmul.h"

#include <string.h>

#include "backends/onednn_gradient.h"
#include "backends/onednn_pack.h"
#include "backends/onednn_workshop.h"
#include "base/memory.h"

enum {
    max_slice = 512, /* columns */
    n_slice_aim = 8,
    least_tiles = 4 /* fewer rows than so many tiles are cut by columns */
};

struct dm_matrix {
    struct dm_workshop *workshop;
    size_t n_in, n_out, n_slice, slice_columns, slice_bytes, n_byte;
    dm_dtype compute;
    const struct dm_kernel *whole, *slice, *last_slice;
    unsigned char *packed;
};

/* ---- Matrices ---- */

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

static size_t columns_of_slice(const struct dm_matrix *matrix, size_t slice) {
    return slice + 1 < matrix->n_slice ? matrix->slice_columns
                                       : matrix->n_out - slice * matrix->slice_columns;
}

static const struct dm_kernel *kernel_of_slice(const struct dm_matrix *matrix, size_t slice) {
    return slice + 1 < matrix->n_slice ? matrix->slice : matrix->last_slice;
}

/* The layout: the whole matrix as oneDNN likes it, and kernels for its slices. */
static dm_status plan(struct dm_matrix *matrix, dm_error *error) {
    struct dm_onednn *onednn = &matrix->workshop->onednn;
    struct dm_product product = {matrix->n_in, matrix->n_out, 0, matrix->compute, false};
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
    product.n_out = columns_of_slice(matrix, matrix->n_slice - 1);
    if (!status)
        status = dm_kernel_find(onednn, &product, &matrix->last_slice, error);
    if (!status && !(is_part(matrix->slice, matrix) && is_part(matrix->last_slice, matrix)))
        use_whole(matrix);
    return status;
}

static dm_status matrix_set(struct dm_matrix *matrix, const struct dm_matrix_source *source,
                            dm_error *error) {
    (void)error;
    const struct dm_packing packing = {&matrix->workshop->convert, matrix->whole, matrix->packed};
    dm_pack_matrix(&packing, source);
    return DM_OK;
}

static void matrix_free(struct dm_matrix *matrix) {
    if (matrix)
        dm_memory_free(matrix->packed);
    dm_memory_free(matrix);
}

/* Bytes at a bench for one piece: x in bf16 (or a few padded rows of it), y where it cannot be
 * written at once, oneDNN's own. */
static size_t bench_bytes(const struct dm_matrix *matrix) {
    size_t scratch = matrix->whole->scratch_bytes;
    if (matrix->slice->scratch_bytes > scratch)
        scratch = matrix->slice->scratch_bytes;
    if (matrix->last_slice->scratch_bytes > scratch)
        scratch = matrix->last_slice->scratch_bytes;
    return dm_round_up(DM_TILE_ROWS * matrix->n_in * sizeof(uint16_t)) +
           dm_round_up(DM_TILE_ROWS * matrix->n_out * sizeof(float)) + dm_round_up(scratch);
}

static dm_status matrix_new(void *workshop, const struct dm_matrix_source *source, dm_dtype compute,
                            struct dm_matrix **result, dm_error *error) {
    struct dm_matrix *matrix = dm_memory_zeroed(1, sizeof *matrix);
    if (!matrix)
        return dm_fail_memory(error, "a weight");
    matrix->workshop = workshop;
    matrix->n_in = source->n_in;
    matrix->n_out = source->n_out;
    matrix->compute = compute;
    dm_status status = plan(matrix, error);
    if (!status) {
        matrix->n_byte = dm_kernel_weight_bytes(matrix->whole);
        matrix->packed = dm_memory_zeroed(matrix->n_byte, 1); /* the layout's last blocks too */
        status = matrix->packed ? dm_workshop_need(workshop, bench_bytes(matrix), error)
                                : dm_fail_memory(error, "a weight");
    }
    if (status) {
        matrix_free(matrix);
        return status;
    }
    *result = matrix;
    return matrix_set(matrix, source, error);
}

static size_t matrix_bytes(const struct dm_matrix *matrix) {
    return matrix->n_byte;
}

/* ---- Products ---- */

struct job {
    const struct dm_matmul *op;
    bool by_columns; /* a piece is a slice of all rows, else a tile of all columns */
    size_t n_piece;
};

struct jobs {
    struct job list[DM_MAX_PRODUCTS]; /* the pieces of one follow those of the one before */
    struct dm_workshop *workshop;
    dnnl_status_t failure;
};

/* x [n] as the matrix's product takes it, and zeros up to `n_padded`. */
static void copy_x(const struct dm_matrix *matrix, const float *x, size_t n, size_t n_padded,
                   void *out) {
    if (matrix->compute == DM_DTYPE_BF16) {
        uint16_t *halves = out;
        matrix->workshop->convert.bf16_from_floats(x, n, halves);
        memset(halves + n, 0, (n_padded - n) * sizeof *halves);
    } else {
        float *floats = out;
        memcpy(floats, x, n * sizeof *floats);
        memset(floats + n, 0, (n_padded - n) * sizeof *floats);
    }
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

static void put_rows(const struct dm_matmul *op, const float *from, size_t n_row, size_t row,
                     size_t column, size_t n_column) {
    for (size_t t = 0; t < n_row; t++) {
        float *to = op->y + (row + t) * op->weight->n_out + column;
        const float *values = from + t * n_column;
        if (op->accumulate)
            add(values, n_column, to);
        else
            memcpy(to, values, n_column * sizeof(float));
    }
}

/* Rows [row, row + n_row), n_row <= 2^i, of one slice (or, of the whole matrix, all columns). */
static dnnl_status_t multiply_block(const struct job *job, struct dm_bench *bench, size_t row,
                                    size_t n_row, int i, size_t slice) {
    const struct dm_matmul *op = job->op;
    const struct dm_matrix *matrix = op->weight;
    const struct dm_kernel *kernel =
        job->by_columns ? kernel_of_slice(matrix, slice) : matrix->whole;
    size_t n_padded = (size_t)1 << i, column = slice * matrix->slice_columns;
    size_t n_column = kernel->product.n_out;
    unsigned char *bytes = bench->bytes;
    void *x = (void *)(uintptr_t)(op->x + row * matrix->n_in);
    if (matrix->compute == DM_DTYPE_BF16 || n_row < n_padded) {
        copy_x(matrix, x, n_row * matrix->n_in, n_padded * matrix->n_in, bytes);
        x = bytes;
    }
    bytes += dm_round_up(DM_TILE_ROWS * matrix->n_in * sizeof(uint16_t));
    /* a slice of several rows is not contiguous in y */
    bool direct = !op->accumulate && n_row == n_padded && (n_row == 1 || n_column == matrix->n_out);
    float *y = direct ? op->y + row * matrix->n_out + column : (float *)bytes;
    void *scratch = bytes + dm_round_up(DM_TILE_ROWS * matrix->n_out * sizeof(float));
    void *packed = matrix->packed + slice * matrix->slice_bytes;
    dnnl_status_t status = dm_runner_run(&bench->runner, kernel, i, x, packed, y, scratch);
    if (!status && !direct)
        put_rows(op, y, n_row, row, column, n_column);
    return status;
}

static void multiply_piece(void *context, size_t piece) {
    struct jobs *jobs = context;
    const struct job *job = jobs->list;
    while (piece >= job->n_piece)
        piece -= job++->n_piece;
    size_t row = job->by_columns ? 0 : piece * DM_TILE_ROWS, end = job->op->n_token;
    if (!job->by_columns && end - row > DM_TILE_ROWS)
        end = row + DM_TILE_ROWS;
    const struct dm_matrix *matrix = job->op->weight;
    struct dm_benches *benches = &jobs->workshop->benches;
    struct dm_bench *bench = dm_workshop_take(jobs->workshop, benches, bench_bytes(matrix));
    dnnl_status_t status = bench ? dnnl_success : dnnl_out_of_memory;
    int n_thread = dm_onednn_alone();
    int step = matrix->whole->blocked ? 1 : 2, least = matrix->whole->blocked ? 0 : 2;
    for (int i = DM_TILE_LOG2; row < end && !status;) {
        size_t n_row = (size_t)1 << i;
        if (n_row > end - row && i > least) {
            i -= step;
            continue;
        }
        n_row = n_row < end - row ? n_row : end - row;
        status = multiply_block(job, bench, row, n_row, i, job->by_columns ? piece : 0);
        row += n_row;
    }
    dm_onednn_together(n_thread);
    if (bench)
        dm_workshop_give_back(jobs->workshop, benches, bench);
    if (status)
        __atomic_store_n(&jobs->failure, status, __ATOMIC_RELAXED);
}

static struct job cut(const struct dm_matmul *op) {
    size_t n_tile = (op->n_token + DM_TILE_ROWS - 1) / DM_TILE_ROWS;
    bool by_columns = n_tile < least_tiles && op->weight->n_slice > 1;
    return (struct job){op, by_columns, by_columns ? op->weight->n_slice : n_tile};
}

static dm_status multiply(const struct dm_matmul *ops, size_t n_op, struct dm_threads *threads,
                          dm_error *error) {
    struct jobs jobs = {.workshop = ops[0].weight->workshop, .failure = dnnl_success};
    size_t n_piece = 0;
    for (size_t i = 0; i < n_op; i++) {
        jobs.list[i] = cut(&ops[i]);
        n_piece += jobs.list[i].n_piece;
    }
    dm_parallel_for(threads, n_piece, multiply_piece, &jobs);
    return jobs.failure ? dm_onednn_fail(error, jobs.failure, "a matrix product") : DM_OK;
}

/* ---- The backend ---- */

static dm_status begin(void *workshop, size_t n_thread, dm_error *error) {
    return dm_workshop_begin(workshop, n_thread, error);
}

static void end(void *workshop) {
    dm_workshop_end(workshop);
}

static dm_status weight_gradient(void *workshop, const struct dm_matmul_grad *op,
                                 struct dm_threads *threads, dm_error *error) {
    return dm_onednn_gradient(workshop, op, threads, error);
}

static bool has_bf16(void *workshop) {
    (void)workshop;
    return dm_onednn_has_bf16();
}

static void free_state(void *workshop) {
    dm_workshop_close(workshop);
    dm_memory_free(workshop);
}

dm_status dm_onednn_matmul(struct dm_matmul_backend *backend, const struct dm_convert *convert,
                           dm_error *error) {
    struct dm_workshop *workshop = dm_memory_zeroed(1, sizeof *workshop);
    if (!workshop)
        return dm_fail_memory(error, "the matrix products");
    dm_status status = dm_workshop_open(workshop, convert, error);
    if (status) {
        dm_memory_free(workshop);
        return status;
    }
    *backend = (struct dm_matmul_backend){.state = workshop,
                                          .matrix_new = matrix_new,
                                          .matrix_set = matrix_set,
                                          .matrix_free = matrix_free,
                                          .matrix_bytes = matrix_bytes,
                                          .begin = begin,
                                          .end = end,
                                          .multiply = multiply,
                                          .weight_gradient = weight_gradient,
                                          .has_bf16 = has_bf16,
                                          .free_state = free_state};
    return DM_OK;
}
