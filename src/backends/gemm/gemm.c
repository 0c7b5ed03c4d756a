/* A product is cut into pieces that the threads take: blocks of rows where there are many rows, slices
 * of columns where there are few, or as a walk over channels asks for them. A kernel takes a piece in
 * blocks that the caches hold: some rows, some columns, some inputs. What it computes of an element
 * depends on none of these (kernel.h). */
#include "backends/gemm/gemm.h"

#include <string.h>

#include "backends/gemm/gradient.h"
#include "backends/gemm/matrix.h"
#include "backends/gemm/pack.h"
#include "backends/gemm/terms.h"
#include "base/memory.h"

enum { min_blocks = 4 /* fewer blocks of rows are cut by columns */ };

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

/* ---- Rows of x as the kernels take them ---- */

/* Behind the rows are, in 8 bits, their scales. */
static float *scales_of(const struct dm_matrix *matrix, const void *prepared, size_t n_token) {
    return (float *)(uintptr_t)((const unsigned char *)prepared + n_token * matrix->row_byte);
}

static size_t prepared_bytes(const struct dm_matrix *matrix, size_t n_token) {
    size_t scale = matrix->scale ? sizeof(float) : 0;
    return matrix->kernel->prepare ? n_token * (matrix->row_byte + scale) : 0;
}

/* Some inputs at a time, whole units of which have their places in each term. */
static void prepare_terms(const struct dm_matrix *matrix, const float *x, unsigned char *row) {
    enum { AT_ONCE = 512 };
    const struct dm_gemm_kernel *kernel = matrix->kernel;
    size_t term_byte = matrix->row_byte / matrix->n_term;
    float rest[AT_ONCE];
    for (size_t i = 0, n; i < matrix->n_in; i += n) {
        n = smaller(matrix->n_in - i, AT_ONCE);
        size_t first = i / kernel->unit * kernel->unit_bytes;
        size_t n_byte = smaller(term_byte - first, AT_ONCE / kernel->unit * kernel->unit_bytes);
        memcpy(rest, x + i, n * sizeof *rest);
        for (size_t term = 0; term < matrix->n_term; term++) {
            kernel->prepare(rest, n, row + term * term_byte + first, n_byte);
            dm_take_term(&matrix->gemm->convert, n, rest);
        }
    }
}

static void prepare_rows(const struct dm_matrix *matrix, const float *x, size_t n, void *rows,
                         float *scales) {
    for (size_t t = 0; t < n && matrix->n_term > 1; t++)
        prepare_terms(matrix, x + t * matrix->n_in, (unsigned char *)rows + t * matrix->row_byte);
    for (size_t t = 0; t < n && matrix->n_term == 1; t++) {
        float scale =
            matrix->kernel->prepare(x + t * matrix->n_in, matrix->n_in,
                                    (unsigned char *)rows + t * matrix->row_byte, matrix->row_byte);
        if (matrix->scale)
            scales[t] = scale;
    }
}

static void prepare(const struct dm_matrix *matrix, const struct dm_preparation *op, size_t first,
                    size_t n) {
    if (matrix->kernel->prepare)
        prepare_rows(matrix, op->x + first * matrix->n_in, n,
                     (unsigned char *)op->prepared + first * matrix->row_byte,
                     scales_of(matrix, op->prepared, op->n_token) + first);
}

/* ---- Pieces ---- */

/* Some columns of some rows. */
struct piece {
    const struct dm_matrix *matrix;
    size_t column, n_column, n_token;
    const void *x; /* [n_token, n_in], prepared */
    const float *scales;
    float *y; /* [n_token, n_column] */
    size_t y_step;
    bool accumulate;
};

/* Of weights in groups, from a column on. */
static void put_scales(const struct dm_matrix *matrix, size_t column, struct dm_gemm_block *block) {
    size_t panel = column / matrix->kernel->columns;
    block->scales = matrix->group_scales + panel * matrix->group_scale_step;
    block->scale_step = matrix->group_scale_step;
    block->form = matrix->blocks->form;
    block->zero = dm_group_zero(matrix->blocks, matrix->kernel);
}

/* All inputs of some rows and columns, a block of inputs after the other, and a product of their terms
 * after the other. Their sums grow in y, or, as what is to be added there must be whole, in `sums`. */
static void multiply_inputs(const struct piece *piece, size_t row, size_t n_row, size_t column,
                            size_t n_column, float *sums) {
    const struct dm_matrix *matrix = piece->matrix;
    const struct dm_gemm_kernel *kernel = matrix->kernel;
    size_t first = piece->column + column;
    float *y = piece->y + row * piece->y_step + column;
    float *between = piece->accumulate ? sums : y;
    size_t between_step = piece->accumulate ? n_column : piece->y_step;
    bool is_first = true;
    size_t pair = DM_MAX_TERM_PRODUCTS - matrix->n_term * (matrix->n_term + 1) / 2;
    for (; pair < DM_MAX_TERM_PRODUCTS; pair++)
        for (size_t unit = 0, n; unit < matrix->n_unit; unit += n, is_first = false) {
            n = smaller(matrix->n_unit - unit, kernel->block_units);
            size_t of_x = dm_term_pairs[pair].x * matrix->n_unit + unit;
            size_t of_weight = dm_term_pairs[pair].weight * matrix->n_unit + unit;
            bool is_last = pair + 1 == DM_MAX_TERM_PRODUCTS && unit + n == matrix->n_unit;
            struct dm_gemm_block block = {
                .n_row = n_row,
                .n_column = n_column,
                .n_unit = n,
                .x = (const unsigned char *)piece->x + row * matrix->row_byte +
                     of_x * kernel->unit_bytes,
                .x_step = matrix->row_byte,
                .panels = matrix->panels + first / kernel->columns * matrix->panel_step +
                          of_weight * kernel->columns,
                .panel_step = matrix->panel_step,
                .before = is_first ? NULL : between,
                .before_step = between_step,
                .y = is_last ? y : between,
                .y_step = is_last ? piece->y_step : between_step,
                .accumulate = is_last && piece->accumulate,
                .row_scale = piece->scales ? piece->scales + row : NULL,
                .column_scale = matrix->scale ? matrix->scale + first : NULL,
                .column_offset = matrix->offset ? matrix->offset + first : NULL};
            if (matrix->blocks)
                put_scales(matrix, first, &block);
            kernel->multiply(&block);
        }
}

static void multiply_piece(const struct piece *piece, float *sums) {
    for (size_t row = 0; row < piece->n_token; row += DM_ROW_BLOCK)
        for (size_t column = 0; column < piece->n_column; column += DM_WIDEST_SLICE)
            multiply_inputs(piece, row, smaller(piece->n_token - row, DM_ROW_BLOCK), column,
                            smaller(piece->n_column - column, DM_WIDEST_SLICE), sums);
}

static struct dm_workspace *take_workspace(const struct dm_matrix *matrix) {
    struct dm_gemm_memory *memory = &matrix->gemm->memory;
    return dm_workspace_take(memory, &memory->of_threads, dm_matrix_x_bytes(matrix) + DM_SUM_BYTES);
}

static void give_back(const struct dm_matrix *matrix, struct dm_workspace *workspace) {
    struct dm_gemm_memory *memory = &matrix->gemm->memory;
    dm_workspace_give_back(memory, &memory->of_threads, workspace);
}

static dm_status multiply_slice(const struct dm_slice_product *op, dm_error *error) {
    const struct dm_matrix *matrix = op->weight;
    size_t column = dm_matrix_first_column(matrix, op->slice);
    const struct piece piece = {
        matrix,      column,     dm_matrix_first_column(matrix, op->slice + 1) - column,
        op->n_token, op->x,      matrix->scale ? scales_of(matrix, op->x, op->n_token) : NULL,
        op->y,       op->y_step, op->accumulate};
    struct dm_workspace *workspace = take_workspace(matrix);
    if (!workspace)
        return dm_fail_memory(error, "a matrix product");
    multiply_piece(&piece, (float *)(void *)workspace->bytes);
    give_back(matrix, workspace);
    return DM_OK;
}

/* ---- Whole products ---- */

struct job {
    const struct dm_matmul *op;
    bool by_columns; /* a piece is a slice of all rows, else a block of rows of all columns */
    size_t n_piece;
};

struct jobs {
    struct job list[DM_MAX_PRODUCTS]; /* the pieces of one follow those of the one before */
    bool failed;
};

/* Rows [row, row + n) of some columns, made ready on the way. */
static void multiply_rows(const struct dm_matmul *op, size_t row, size_t n, size_t column,
                          size_t n_column, unsigned char *bytes) {
    const struct dm_matrix *matrix = op->weight;
    const float *x = op->x + row * matrix->n_in;
    unsigned char *prepared = bytes + DM_SUM_BYTES;
    float *scales = scales_of(matrix, prepared, DM_ROW_BLOCK);
    if (matrix->kernel->prepare)
        prepare_rows(matrix, x, n, prepared, scales);
    const struct piece piece = {matrix,
                                column,
                                n_column,
                                n,
                                matrix->kernel->prepare ? (const void *)prepared : x,
                                scales,
                                op->y + row * matrix->n_out + column,
                                matrix->n_out,
                                op->accumulate};
    multiply_piece(&piece, (float *)(void *)bytes);
}

static void run_job(void *context, size_t i) {
    struct jobs *jobs = context;
    const struct job *job = jobs->list;
    while (i >= job->n_piece)
        i -= job++->n_piece;
    const struct dm_matmul *op = job->op;
    const struct dm_matrix *matrix = op->weight;
    size_t column = job->by_columns ? dm_matrix_first_column(matrix, i) : 0;
    size_t end = job->by_columns ? dm_matrix_first_column(matrix, i + 1) : matrix->n_out;
    size_t row = job->by_columns ? 0 : i * DM_ROW_BLOCK;
    size_t last = job->by_columns ? op->n_token : smaller(op->n_token, row + DM_ROW_BLOCK);
    struct dm_workspace *workspace = take_workspace(matrix);
    if (!workspace) {
        __atomic_store_n(&jobs->failed, true, __ATOMIC_RELAXED);
        return;
    }
    for (size_t n; row < last; row += n) {
        n = smaller(last - row, DM_ROW_BLOCK);
        multiply_rows(op, row, n, column, end - column, workspace->bytes);
    }
    give_back(matrix, workspace);
}

static struct job cut(const struct dm_matmul *op) {
    size_t n_block = (op->n_token + DM_ROW_BLOCK - 1) / DM_ROW_BLOCK;
    bool by_columns = n_block < min_blocks && op->weight->n_slice > 1;
    return (struct job){op, by_columns, by_columns ? op->weight->n_slice : n_block};
}

static dm_status multiply(const struct dm_matmul *ops, size_t n_op, struct dm_threads *threads,
                          dm_error *error) {
    struct jobs jobs = {.failed = false};
    size_t n_piece = 0;
    for (size_t i = 0; i < n_op; i++) {
        jobs.list[i] = cut(&ops[i]);
        n_piece += jobs.list[i].n_piece;
    }
    dm_parallel_for(threads, n_piece, run_job, &jobs);
    return jobs.failed ? dm_fail_memory(error, "a matrix product") : DM_OK;
}

/* ---- The backend ---- */

static dm_status begin(void *state, size_t n_thread, dm_error *error) {
    struct dm_gemm *gemm = state;
    return dm_workspaces_begin(&gemm->memory, n_thread, error);
}

static void end(void *state) {
    struct dm_gemm *gemm = state;
    dm_workspaces_end(&gemm->memory);
}

static bool has(void *state, dm_dtype compute) {
    const struct dm_gemm *gemm = state;
    return dm_gemm_kernel(compute, gemm->flags) != NULL;
}

static void free_state(void *state) {
    struct dm_gemm *gemm = state;
    dm_gemm_memory_close(&gemm->memory);
    dm_memory_free(gemm);
}

dm_status dm_gemm_matmul(struct dm_matmul_backend *backend, const struct dm_convert *convert,
                         unsigned flags, dm_error *error) {
    struct dm_gemm *gemm = dm_memory_zeroed(1, sizeof *gemm);
    if (!gemm)
        return dm_fail_memory(error, "the matrix products");
    dm_gemm_memory_open(&gemm->memory);
    gemm->convert = *convert;
    gemm->flags = flags;
    *backend = (struct dm_matmul_backend){.state = gemm,
                                          .matrix_new = dm_matrix_new,
                                          .matrix_set = dm_matrix_set,
                                          .matrix_free = dm_matrix_free,
                                          .matrix_bytes = dm_matrix_bytes,
                                          .begin = begin,
                                          .end = end,
                                          .multiply = multiply,
                                          .n_slice = dm_matrix_n_slice,
                                          .first_column = dm_matrix_first_column,
                                          .prepared_bytes = prepared_bytes,
                                          .prepare = prepare,
                                          .multiply_slice = multiply_slice,
                                          .weight_gradient = dm_gemm_gradient,
                                          .has = has,
                                          .free_state = free_state};
    return DM_OK;
}
