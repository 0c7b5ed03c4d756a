/* Weights are packed once into the layout that oneDNN prefers. A product is cut into pieces that
 * our own threads take: tiles of rows when there are many rows, slices of columns when there are
 * few. Every piece is a single-threaded oneDNN primitive, and no piece depends on the number of
 * threads. oneDNN's packed kernels (AVX-512) give a row the same bits whatever the rows beside
 * it; its plain ones do so for products of 4, 16 and 64 rows only (measured, with 2.6.3), so where
 * it prefers the plain layout other sizes are not used, and up to 3 rows of zeros fill the last. */
#include "backends/onednn_matmul.h"

#include <pthread.h>
#include <string.h>

#include "backends/onednn_kernels.h"
#include "base/half.h"
#include "base/memory.h"

enum {
    max_slice = 512, /* columns */
    n_slice_aim = 8,
    least_tiles = 4 /* fewer rows than so many tiles are cut by columns */
};

/* What a thread needs while it computes a piece. */
struct bench {
    struct bench *next;
    dnnl_stream_t stream;
    size_t n_byte;
    unsigned char *bytes;
};

struct state {
    struct dm_onednn onednn;
    size_t bench_bytes;    /* enough for any matrix made so far */
    pthread_mutex_t mutex; /* guards what follows */
    struct bench *benches; /* those that nobody uses */
    size_t n_bench, n_caller;
};

struct dm_matrix {
    struct state *state;
    size_t n_in, n_out, n_slice, slice_columns, slice_bytes, n_byte;
    dm_dtype compute;
    bool blocked; /* else the weight lies plain, inputs outermost */
    const struct dm_kernel *whole, *slice, *last_slice;
    unsigned char *packed;
};

/* ---- Matrices ---- */

static void choose_slices(struct dm_matrix *matrix) {
    size_t block_bytes, block = DM_COLUMN_BLOCK;
    matrix->slice_columns = matrix->n_out;
    matrix->n_slice = 1;
    if (!dm_kernel_can_slice(matrix->whole, &block_bytes))
        return;
    size_t columns = (matrix->n_out / n_slice_aim + block - 1) / block * block;
    columns = columns < block ? block : columns > max_slice ? max_slice : columns;
    /* a plain kernel rounds a narrow slice its own way: the last one takes what is left over */
    size_t n_slice = (matrix->n_out + (matrix->blocked ? columns - 1 : 0)) / columns;
    if (n_slice < 2)
        return;
    matrix->slice_columns = columns;
    matrix->n_slice = n_slice;
    matrix->slice_bytes = columns / block * block_bytes;
}

static size_t columns_of_slice(const struct dm_matrix *matrix, size_t slice) {
    return slice + 1 < matrix->n_slice ? matrix->slice_columns
                                       : matrix->n_out - slice * matrix->slice_columns;
}

static const struct dm_kernel *kernel_of_slice(const struct dm_matrix *matrix, size_t slice) {
    return slice + 1 < matrix->n_slice ? matrix->slice : matrix->last_slice;
}

/* The layout: the whole matrix as oneDNN likes it, and kernels for its slices. */
static dm_status plan(struct state *state, struct dm_matrix *matrix, dm_error *error) {
    dm_status status = dm_kernel_find(&state->onednn, matrix->n_in, matrix->n_out, 0,
                                      matrix->compute, &matrix->whole, error);
    if (status)
        return status;
    matrix->blocked = dm_kernel_is_blocked(matrix->whole);
    choose_slices(matrix);
    if (matrix->n_slice == 1) {
        matrix->slice = matrix->last_slice = matrix->whole;
        return DM_OK;
    }
    size_t stride = matrix->blocked ? 0 : matrix->n_out;
    status = dm_kernel_find(&state->onednn, matrix->n_in, matrix->slice_columns, stride,
                            matrix->compute, &matrix->slice, error);
    if (!status)
        status = dm_kernel_find(&state->onednn, matrix->n_in,
                                columns_of_slice(matrix, matrix->n_slice - 1), stride,
                                matrix->compute, &matrix->last_slice, error);
    return status;
}

/* Packs slice by slice, through float32. */
static dm_status pack(struct dm_matrix *matrix, const struct dm_matrix_source *source,
                      dm_error *error) {
    size_t last = columns_of_slice(matrix, matrix->n_slice - 1);
    size_t widest = last > matrix->slice_columns ? last : matrix->slice_columns;
    float *rows = dm_memory_array(widest, matrix->n_in * sizeof(float));
    if (!rows)
        return dm_fail_memory(error, "a weight");
    dnnl_status_t status = dnnl_success;
    int n_thread = dm_onednn_alone();
    for (size_t s = 0; s < matrix->n_slice && !status; s++) {
        size_t columns = columns_of_slice(matrix, s);
        dm_floats_from(source->data, source->dtype, s * matrix->slice_columns * matrix->n_in,
                       columns * matrix->n_in, rows);
        status = dm_kernel_pack(&matrix->state->onednn, kernel_of_slice(matrix, s), rows,
                                matrix->packed + s * matrix->slice_bytes);
    }
    dm_onednn_together(n_thread);
    dm_memory_free(rows);
    return status ? dm_onednn_fail(error, status, "a packed weight") : DM_OK;
}

static void matrix_free(struct dm_matrix *matrix) {
    if (matrix)
        dm_memory_free(matrix->packed);
    dm_memory_free(matrix);
}

static size_t round_up(size_t n) {
    return (n + 63) / 64 * 64;
}

/* Bytes at a bench for one piece: x in bf16 (or a few padded rows of it), y where it cannot be
 * written at once, oneDNN's own. */
static size_t bench_need(const struct dm_matrix *matrix) {
    size_t scratch = matrix->whole->scratch_bytes;
    if (matrix->slice->scratch_bytes > scratch)
        scratch = matrix->slice->scratch_bytes;
    if (matrix->last_slice->scratch_bytes > scratch)
        scratch = matrix->last_slice->scratch_bytes;
    return round_up(DM_TILE_ROWS * matrix->n_in * sizeof(uint16_t)) +
           round_up(DM_TILE_ROWS * matrix->n_out * sizeof(float)) + round_up(scratch);
}

static dm_status matrix_new(void *opaque, const struct dm_matrix_source *source, dm_dtype compute,
                            struct dm_matrix **result, dm_error *error) {
    struct state *state = opaque;
    struct dm_matrix *matrix = dm_memory_zeroed(1, sizeof *matrix);
    if (!matrix)
        return dm_fail_memory(error, "a weight");
    matrix->state = state;
    matrix->n_in = source->n_in;
    matrix->n_out = source->n_out;
    matrix->compute = compute;
    dm_status status = plan(state, matrix, error);
    if (!status) {
        matrix->n_byte = dm_kernel_weight_bytes(matrix->whole);
        matrix->packed = dm_memory_zeroed(matrix->n_byte, 1);
        status = matrix->packed ? pack(matrix, source, error) : dm_fail_memory(error, "a weight");
    }
    if (status) {
        matrix_free(matrix);
        return status;
    }
    size_t need = bench_need(matrix);
    state->bench_bytes = need > state->bench_bytes ? need : state->bench_bytes;
    *result = matrix;
    return DM_OK;
}

static size_t matrix_bytes(const struct dm_matrix *matrix) {
    return matrix->n_byte;
}

/* ---- Benches ---- */

static void free_bench(struct bench *bench) {
    if (bench->stream)
        dnnl_stream_destroy(bench->stream);
    dm_memory_free(bench->bytes);
    dm_memory_free(bench);
}

static struct bench *new_bench(const struct state *state) {
    struct bench *bench = dm_memory_zeroed(1, sizeof *bench);
    if (!bench)
        return NULL;
    bench->n_byte = state->bench_bytes;
    bench->bytes = dm_memory_array(bench->n_byte, 1);
    if (!bench->bytes ||
        dnnl_stream_create(&bench->stream, state->onednn.engine, dnnl_stream_default_flags)) {
        free_bench(bench);
        return NULL;
    }
    return bench;
}

static void push_bench(struct state *state, struct bench *bench) {
    bench->next = state->benches;
    state->benches = bench;
}

static struct bench *pop_bench(struct state *state) {
    struct bench *bench = state->benches;
    if (bench)
        state->benches = bench->next;
    return bench;
}

/* One caller at a time has the threads, the others run alone: so many benches are in use at most.
 */
static dm_status begin(void *opaque, size_t n_thread, dm_error *error) {
    struct state *state = opaque;
    dm_status status = DM_OK;
    pthread_mutex_lock(&state->mutex);
    state->n_caller++;
    while (state->n_bench < n_thread - 1 + state->n_caller && !status) {
        struct bench *bench = new_bench(state);
        if (bench) {
            push_bench(state, bench);
            state->n_bench++;
        } else {
            state->n_caller--;
            status = dm_fail_memory(error, "the matrix products");
        }
    }
    pthread_mutex_unlock(&state->mutex);
    return status;
}

static void end(void *opaque) {
    struct state *state = opaque;
    pthread_mutex_lock(&state->mutex);
    state->n_caller--;
    pthread_mutex_unlock(&state->mutex);
}

/* A new one where nobody has begun, or a larger matrix was made since; NULL: memory is short. */
static struct bench *take_bench(struct state *state) {
    pthread_mutex_lock(&state->mutex);
    struct bench *bench = pop_bench(state);
    state->n_bench += bench == NULL;
    pthread_mutex_unlock(&state->mutex);
    if (bench && bench->n_byte < state->bench_bytes) {
        free_bench(bench);
        bench = NULL;
    }
    if (!bench && !(bench = new_bench(state))) {
        pthread_mutex_lock(&state->mutex);
        state->n_bench--;
        pthread_mutex_unlock(&state->mutex);
    }
    return bench;
}

static void give_back(struct state *state, struct bench *bench) {
    pthread_mutex_lock(&state->mutex);
    push_bench(state, bench);
    pthread_mutex_unlock(&state->mutex);
}

/* ---- Products ---- */

struct job {
    const struct dm_matmul *op;
    bool by_columns; /* a piece is a slice of all rows, else a tile of all columns */
    size_t n_piece;
};

struct jobs {
    struct job list[DM_MAX_PRODUCTS]; /* the pieces of one follow those of the one before */
    struct state *state;
    dnnl_status_t failure;
};

/* x [n] as the product takes it, and zeros up to `n_padded`. */
static void copy_x(const float *x, size_t n, size_t n_padded, dm_dtype compute, void *out) {
    if (compute == DM_DTYPE_BF16) {
        uint16_t *halves = out;
        for (size_t i = 0; i < n; i++)
            halves[i] = dm_bf16_from_float(x[i]);
        memset(halves + n, 0, (n_padded - n) * sizeof *halves);
    } else {
        float *floats = out;
        memcpy(floats, x, n * sizeof *floats);
        memset(floats + n, 0, (n_padded - n) * sizeof *floats);
    }
}

static void put_rows(const struct dm_matmul *op, const float *from, size_t n_row, size_t row,
                     size_t column, size_t n_column) {
    for (size_t t = 0; t < n_row; t++) {
        float *to = op->y + (row + t) * op->weight->n_out + column;
        const float *values = from + t * n_column;
        if (op->accumulate)
            for (size_t o = 0; o < n_column; o++)
                to[o] += values[o];
        else
            memcpy(to, values, n_column * sizeof(float));
    }
}

/* Rows [row, row + n_row), n_row <= 2^i, of one slice (or, of the whole matrix, all columns). */
static dnnl_status_t multiply_block(const struct job *job, struct bench *bench, size_t row,
                                    size_t n_row, int i, size_t slice) {
    const struct dm_matmul *op = job->op;
    const struct dm_matrix *matrix = op->weight;
    const struct dm_kernel *kernel =
        job->by_columns ? kernel_of_slice(matrix, slice) : matrix->whole;
    size_t n_padded = (size_t)1 << i, column = slice * matrix->slice_columns;
    unsigned char *bytes = bench->bytes;
    void *x = (void *)(uintptr_t)(op->x + row * matrix->n_in);
    if (matrix->compute == DM_DTYPE_BF16 || n_row < n_padded) {
        copy_x(x, n_row * matrix->n_in, n_padded * matrix->n_in, matrix->compute, bytes);
        x = bytes;
    }
    bytes += round_up(DM_TILE_ROWS * matrix->n_in * sizeof(uint16_t));
    /* a slice of several rows is not contiguous in y */
    bool direct =
        !op->accumulate && n_row == n_padded && (n_row == 1 || kernel->n_out == matrix->n_out);
    float *y = direct ? op->y + row * matrix->n_out + column : (float *)bytes;
    void *scratch = bytes + round_up(DM_TILE_ROWS * matrix->n_out * sizeof(float));
    void *packed = matrix->packed + slice * matrix->slice_bytes;
    dnnl_status_t status =
        dm_kernel_run(&matrix->state->onednn, kernel, i, bench->stream, x, packed, y, scratch);
    if (!status && !direct)
        put_rows(op, y, n_row, row, column, kernel->n_out);
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
    struct bench *bench = take_bench(jobs->state);
    dnnl_status_t status = bench ? dnnl_success : dnnl_out_of_memory;
    int n_thread = dm_onednn_alone();
    int step = job->op->weight->blocked ? 1 : 2, least = job->op->weight->blocked ? 0 : 2;
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
        give_back(jobs->state, bench);
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
    struct jobs jobs = {.state = ops[0].weight->state, .failure = dnnl_success};
    size_t n_piece = 0;
    for (size_t i = 0; i < n_op; i++) {
        jobs.list[i] = cut(&ops[i]);
        n_piece += jobs.list[i].n_piece;
    }
    dm_parallel_for(threads, n_piece, multiply_piece, &jobs);
    return jobs.failure ? dm_onednn_fail(error, jobs.failure, "a matrix product") : DM_OK;
}

/* ---- The backend ---- */

static bool has_bf16(void *state) {
    (void)state;
    return dm_onednn_has_bf16();
}

static void free_state(void *opaque) {
    struct state *state = opaque;
    struct bench *bench;
    while ((bench = pop_bench(state)))
        free_bench(bench);
    dm_onednn_close(&state->onednn);
    pthread_mutex_destroy(&state->mutex);
    dm_memory_free(state);
}

dm_status dm_onednn_matmul(struct dm_matmul_backend *backend, dm_error *error) {
    struct state *state = dm_memory_zeroed(1, sizeof *state);
    if (!state)
        return dm_fail_memory(error, "the matrix products");
    dm_status status = dm_onednn_open(&state->onednn, error);
    if (status) {
        dm_memory_free(state);
        return status;
    }
    pthread_mutex_init(&state->mutex, NULL);
    *backend = (struct dm_matmul_backend){.state = state,
                                          .matrix_new = matrix_new,
                                          .matrix_free = matrix_free,
                                          .matrix_bytes = matrix_bytes,
                                          .begin = begin,
                                          .end = end,
                                          .multiply = multiply,
                                          .has_bf16 = has_bf16,
                                          .free_state = free_state};
    return DM_OK;
}
