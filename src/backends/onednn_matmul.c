/* Weights are packed once into the layout that oneDNN prefers. A product is cut into pieces that
 * our own threads take: tiles of rows when there are many rows, slices of columns when there are
 * few. Every piece is a single-threaded oneDNN primitive whose shape does not depend on the number
 * of threads. oneDNN's packed kernels (AVX-512) give a row the same bits whatever the rows beside
 * it; its plain ones do so for products of 4, 16 and 64 rows only (measured, with 2.6.3), so where
 * it prefers the plain layout other sizes are not used, and up to 3 rows of zeros fill the last. */
#include "backends/onednn_matmul.h"

#include <oneapi/dnnl/dnnl.h>
#include <pthread.h>
#include <string.h>

#include "base/half.h"
#include "base/memory.h"

/* libgomp's, which Debian's oneDNN runs on: a primitive made and run under 1 stays on its thread,
 * and no second team of threads ever spins beside ours. */
int omp_get_max_threads(void);
void omp_set_num_threads(int n_thread);

enum {
    tile_log2 = 6, /* rows of a tile; shorter remainders are cut into powers of two */
    tile_rows = 1 << tile_log2,
    column_block = 64, /* oneDNN's packed layouts keep so many columns together */
    max_slice = 512,
    n_slice_aim = 8
};

/* Primitives for [2^i, n_in] x [n_in, n_out]; shared by all matrices of the shape. */
struct kernel {
    struct kernel *next;
    size_t n_in, n_out;
    size_t column_stride; /* of an unpacked weight, between two inputs; 0: packed */
    dm_dtype compute;
    dnnl_memory_desc_t weight, x[tile_log2 + 1], y[tile_log2 + 1];
    dnnl_primitive_t primitives[tile_log2 + 1];
    dnnl_memory_desc_t scratch[tile_log2 + 1];
};

/* What a thread needs while it computes a piece. */
struct bench {
    struct bench *next;
    dnnl_stream_t stream;
    size_t n_byte;
    unsigned char *bytes;
};

struct state {
    dnnl_engine_t engine;
    pthread_mutex_t mutex; /* guards benches */
    struct bench *benches; /* those that nobody uses */
    struct kernel *kernels;
    size_t bench_bytes; /* enough for any matrix made so far */
    bool bf16;
};

struct dm_matrix {
    struct state *state;
    size_t n_in, n_out, n_slice, slice_columns, slice_bytes, n_byte;
    dm_dtype compute;
    bool blocked; /* else the weight lies plain, inputs outermost */
    const struct kernel *whole, *slice, *last_slice;
    unsigned char *packed;
};

static dm_status fail(dm_error *error, dnnl_status_t status, const char *what) {
    if (status == dnnl_out_of_memory)
        return dm_fail_memory(error, what);
    return dm_fail(error, DM_ERROR_UNSUPPORTED, "oneDNN cannot make %s (status %d)", what,
                   (int)status);
}

static dnnl_data_type_t data_type(dm_dtype dtype) {
    return dtype == DM_DTYPE_BF16 ? dnnl_bf16 : dnnl_f32;
}

/* ---- Kernels ---- */

static dnnl_status_t describe_rows(dnnl_memory_desc_t *rows, size_t n_row, size_t n_column,
                                   dnnl_data_type_t type) {
    dnnl_dims_t size = {(dnnl_dim_t)n_row, (dnnl_dim_t)n_column};
    return dnnl_memory_desc_init_by_tag(rows, 2, size, type, dnnl_ab);
}

/* Describes the product of 2^i rows; the weight's layout is oneDNN's choice for the largest i (the
 * first one made), or plain with the stride that is given. */
static dnnl_status_t describe_product(struct state *state, struct kernel *kernel, int i,
                                      dnnl_primitive_desc_t *description) {
    dnnl_dims_t size = {(dnnl_dim_t)kernel->n_in, (dnnl_dim_t)kernel->n_out};
    dnnl_data_type_t type = data_type(kernel->compute);
    dnnl_status_t status = describe_rows(&kernel->x[i], (size_t)1 << i, kernel->n_in, type);
    if (!status)
        status = describe_rows(&kernel->y[i], (size_t)1 << i, kernel->n_out, dnnl_f32);
    if (!status && i == tile_log2) {
        dnnl_dims_t strides = {(dnnl_dim_t)kernel->column_stride, 1};
        status =
            kernel->column_stride
                ? dnnl_memory_desc_init_by_strides(&kernel->weight, 2, size, type, strides)
                : dnnl_memory_desc_init_by_tag(&kernel->weight, 2, size, type, dnnl_format_tag_any);
    }
    dnnl_matmul_desc_t product;
    if (!status)
        status =
            dnnl_matmul_desc_init(&product, &kernel->x[i], &kernel->weight, NULL, &kernel->y[i]);
    dnnl_primitive_attr_t attributes = NULL;
    if (!status)
        status = dnnl_primitive_attr_create(&attributes);
    if (!status)
        status = dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user);
    if (!status)
        status = dnnl_primitive_desc_create(description, &product, attributes, state->engine, NULL);
    dnnl_primitive_attr_destroy(attributes);
    return status;
}

static dnnl_status_t make_primitive(struct state *state, struct kernel *kernel, int i) {
    dnnl_primitive_desc_t description;
    dnnl_status_t status = describe_product(state, kernel, i, &description);
    if (status)
        return status;
    kernel->weight = *dnnl_primitive_desc_query_md(description, dnnl_query_weights_md, 0);
    kernel->scratch[i] = *dnnl_primitive_desc_query_md(description, dnnl_query_scratchpad_md, 0);
    status = dnnl_primitive_create(&kernel->primitives[i], description);
    dnnl_primitive_desc_destroy(description);
    return status;
}

static void free_kernel(struct kernel *kernel) {
    for (int i = 0; i <= tile_log2; i++)
        if (kernel->primitives[i])
            dnnl_primitive_destroy(kernel->primitives[i]);
    dm_memory_free(kernel);
}

static dm_status find_kernel(struct state *state, size_t n_in, size_t n_out, size_t column_stride,
                             dm_dtype compute, const struct kernel **result, dm_error *error) {
    for (struct kernel *kernel = state->kernels; kernel; kernel = kernel->next)
        if (kernel->n_in == n_in && kernel->n_out == n_out &&
            kernel->column_stride == column_stride && kernel->compute == compute) {
            *result = kernel;
            return DM_OK;
        }
    struct kernel *kernel = dm_memory_zeroed(1, sizeof *kernel);
    if (!kernel)
        return dm_fail_memory(error, "a matrix product");
    kernel->n_in = n_in;
    kernel->n_out = n_out;
    kernel->column_stride = column_stride;
    kernel->compute = compute;
    int n_thread = omp_get_max_threads();
    omp_set_num_threads(1);
    dnnl_status_t status = dnnl_success;
    for (int i = tile_log2; i >= 0 && !status; i--)
        status = make_primitive(state, kernel, i);
    omp_set_num_threads(n_thread);
    if (status) {
        free_kernel(kernel);
        return fail(error, status, "a matrix product");
    }
    kernel->next = state->kernels;
    state->kernels = kernel;
    *result = kernel;
    return DM_OK;
}

/* ---- Matrices ---- */

/* May columns of a weight in this layout be multiplied alone? Then gives the bytes from one block
 * of columns to the next. */
static bool can_slice(const dnnl_memory_desc_t *weight, size_t *block_bytes) {
    const dnnl_blocking_desc_t *layout = &weight->format_desc.blocking;
    dnnl_dim_t columns = 1;
    if (weight->format_kind != dnnl_blocked || weight->offset0)
        return false;
    size_t element = weight->data_type == dnnl_bf16 ? 2 : 4;
    if (layout->inner_nblks == 0) { /* plain, inputs outermost */
        *block_bytes = column_block * element;
        return layout->strides[1] == 1;
    }
    for (int i = 0; i < layout->inner_nblks; i++)
        if (layout->inner_idxs[i] == 1)
            columns *= layout->inner_blks[i];
    /* blocks of columns outermost, so that a slice is a run of bytes */
    *block_bytes = (size_t)layout->strides[1] * element;
    return columns == column_block && layout->strides[1] == weight->padded_dims[0] * column_block;
}

static void choose_slices(struct dm_matrix *matrix) {
    size_t block_bytes, block = column_block;
    matrix->slice_columns = matrix->n_out;
    matrix->n_slice = 1;
    if (!can_slice(&matrix->whole->weight, &block_bytes))
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

static const struct kernel *kernel_of_slice(const struct dm_matrix *matrix, size_t slice) {
    return slice + 1 < matrix->n_slice ? matrix->slice : matrix->last_slice;
}

/* The layout: the whole matrix as oneDNN likes it, and kernels for its slices. */
static dm_status plan(struct state *state, struct dm_matrix *matrix, dm_error *error) {
    dm_status status =
        find_kernel(state, matrix->n_in, matrix->n_out, 0, matrix->compute, &matrix->whole, error);
    if (status)
        return status;
    matrix->blocked = matrix->whole->weight.format_desc.blocking.inner_nblks > 0;
    choose_slices(matrix);
    if (matrix->n_slice == 1) {
        matrix->slice = matrix->last_slice = matrix->whole;
        return DM_OK;
    }
    size_t stride = matrix->blocked ? 0 : matrix->n_out;
    status = find_kernel(state, matrix->n_in, matrix->slice_columns, stride, matrix->compute,
                         &matrix->slice, error);
    if (!status)
        status = find_kernel(state, matrix->n_in, columns_of_slice(matrix, matrix->n_slice - 1),
                             stride, matrix->compute, &matrix->last_slice, error);
    return status;
}

static dnnl_status_t reorder(struct state *state, const dnnl_memory_desc_t *from, void *source,
                             const dnnl_memory_desc_t *to, void *target) {
    dnnl_primitive_desc_t description = NULL;
    dnnl_primitive_t primitive = NULL;
    dnnl_memory_t memory[2] = {NULL, NULL};
    dnnl_stream_t stream = NULL;
    dnnl_status_t status = dnnl_reorder_primitive_desc_create(&description, from, state->engine, to,
                                                              state->engine, NULL);
    if (!status)
        status = dnnl_primitive_create(&primitive, description);
    if (!status)
        status = dnnl_memory_create(&memory[0], from, state->engine, source);
    if (!status)
        status = dnnl_memory_create(&memory[1], to, state->engine, target);
    if (!status)
        status = dnnl_stream_create(&stream, state->engine, dnnl_stream_default_flags);
    dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, memory[0]}, {DNNL_ARG_TO, memory[1]}};
    if (!status)
        status = dnnl_primitive_execute(primitive, stream, 2, arguments);
    if (stream)
        dnnl_stream_destroy(stream);
    for (int i = 0; i < 2; i++)
        if (memory[i])
            dnnl_memory_destroy(memory[i]);
    if (primitive)
        dnnl_primitive_destroy(primitive);
    if (description)
        dnnl_primitive_desc_destroy(description);
    return status;
}

/* Packs slice by slice, through float32: no second copy of the whole weight at any time. */
static dm_status pack(struct dm_matrix *matrix, const struct dm_matrix_source *source,
                      dm_error *error) {
    size_t last = columns_of_slice(matrix, matrix->n_slice - 1);
    size_t widest = last > matrix->slice_columns ? last : matrix->slice_columns;
    float *rows = dm_memory_array(widest, matrix->n_in * sizeof(float));
    if (!rows)
        return dm_fail_memory(error, "a weight");
    dnnl_status_t status = dnnl_success;
    int n_thread = omp_get_max_threads();
    omp_set_num_threads(1);
    for (size_t s = 0; s < matrix->n_slice && !status; s++) {
        size_t columns = columns_of_slice(matrix, s);
        dm_floats_from(source->data, source->dtype, s * matrix->slice_columns * matrix->n_in,
                       columns * matrix->n_in, rows);
        dnnl_dims_t size = {(dnnl_dim_t)matrix->n_in, (dnnl_dim_t)columns};
        dnnl_dims_t strides = {1, (dnnl_dim_t)matrix->n_in};
        dnnl_memory_desc_t from;
        status = dnnl_memory_desc_init_by_strides(&from, 2, size, dnnl_f32, strides);
        if (!status)
            status = reorder(matrix->state, &from, rows, &kernel_of_slice(matrix, s)->weight,
                             matrix->packed + s * matrix->slice_bytes);
    }
    omp_set_num_threads(n_thread);
    dm_memory_free(rows);
    return status ? fail(error, status, "a packed weight") : DM_OK;
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
    size_t scratch = 0;
    const struct kernel *kernels[] = {matrix->whole, matrix->slice, matrix->last_slice};
    for (int k = 0; k < 3; k++)
        for (int i = 0; i <= tile_log2; i++) {
            size_t n = dnnl_memory_desc_get_size(&kernels[k]->scratch[i]);
            scratch = n > scratch ? n : scratch;
        }
    return round_up(tile_rows * matrix->n_in * sizeof(uint16_t)) +
           round_up(tile_rows * matrix->n_out * sizeof(float)) + round_up(scratch);
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
        matrix->n_byte = dnnl_memory_desc_get_size(&matrix->whole->weight);
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

static struct bench *new_bench(struct state *state) {
    struct bench *bench = dm_memory_zeroed(1, sizeof *bench);
    if (!bench)
        return NULL;
    bench->n_byte = state->bench_bytes;
    bench->bytes = dm_memory_array(bench->n_byte, 1);
    if (!bench->bytes ||
        dnnl_stream_create(&bench->stream, state->engine, dnnl_stream_default_flags)) {
        free_bench(bench);
        return NULL;
    }
    return bench;
}

static struct bench *take_bench(struct state *state) {
    pthread_mutex_lock(&state->mutex);
    struct bench *bench = state->benches;
    if (bench)
        state->benches = bench->next;
    pthread_mutex_unlock(&state->mutex);
    if (bench && bench->n_byte < state->bench_bytes) { /* a larger matrix was made since */
        free_bench(bench);
        bench = NULL;
    }
    return bench ? bench : new_bench(state);
}

static void give_back(struct state *state, struct bench *bench) {
    pthread_mutex_lock(&state->mutex);
    bench->next = state->benches;
    state->benches = bench;
    pthread_mutex_unlock(&state->mutex);
}

/* ---- Products ---- */

static dnnl_status_t execute(const struct dm_matrix *matrix, const struct kernel *kernel, int i,
                             struct bench *bench, void *x, size_t slice, void *y, void *scratch) {
    const dnnl_memory_desc_t *descriptions[] = {&kernel->x[i], &kernel->weight, &kernel->y[i],
                                                &kernel->scratch[i]};
    static const int names[] = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST, DNNL_ARG_SCRATCHPAD};
    void *data[] = {x, matrix->packed + slice * matrix->slice_bytes, y, scratch};
    dnnl_exec_arg_t arguments[4];
    dnnl_status_t status = dnnl_success;
    int n = 0;
    for (; n < 4 && !status; n++) {
        arguments[n].arg = names[n];
        arguments[n].memory = NULL;
        status = dnnl_memory_create(&arguments[n].memory, descriptions[n], matrix->state->engine,
                                    data[n]);
    }
    if (!status)
        status = dnnl_primitive_execute(kernel->primitives[i], bench->stream, n, arguments);
    for (int k = 0; k < n; k++)
        if (arguments[k].memory)
            dnnl_memory_destroy(arguments[k].memory);
    return status;
}

struct job {
    const struct dm_matmul *op;
    bool by_columns; /* a piece is a slice of all rows, else a tile of all columns */
    dnnl_status_t *failure;
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
    const struct kernel *kernel = job->by_columns ? kernel_of_slice(matrix, slice) : matrix->whole;
    size_t n_padded = (size_t)1 << i, column = slice * matrix->slice_columns;
    unsigned char *bytes = bench->bytes;
    void *x = (void *)(uintptr_t)(op->x + row * matrix->n_in);
    if (matrix->compute == DM_DTYPE_BF16 || n_row < n_padded) {
        copy_x(x, n_row * matrix->n_in, n_padded * matrix->n_in, matrix->compute, bytes);
        x = bytes;
    }
    bytes += round_up(tile_rows * matrix->n_in * sizeof(uint16_t));
    /* a slice of several rows is not contiguous in y */
    bool direct =
        !op->accumulate && n_row == n_padded && (n_row == 1 || kernel->n_out == matrix->n_out);
    float *y = direct ? op->y + row * matrix->n_out + column : (float *)bytes;
    void *scratch = bytes + round_up(tile_rows * matrix->n_out * sizeof(float));
    dnnl_status_t status = execute(matrix, kernel, i, bench, x, slice, y, scratch);
    if (!status && !direct)
        put_rows(op, y, n_row, row, column, kernel->n_out);
    return status;
}

static void multiply_piece(void *context, size_t piece) {
    const struct job *job = context;
    struct state *state = job->op->weight->state;
    size_t row = job->by_columns ? 0 : piece * tile_rows, end = job->op->n_token;
    if (!job->by_columns && end - row > tile_rows)
        end = row + tile_rows;
    struct bench *bench = take_bench(state);
    dnnl_status_t status = bench ? dnnl_success : dnnl_out_of_memory;
    int n_thread = omp_get_max_threads();
    omp_set_num_threads(1);
    int step = job->op->weight->blocked ? 1 : 2, least = job->op->weight->blocked ? 0 : 2;
    for (int i = tile_log2; row < end && !status;) {
        size_t n_row = (size_t)1 << i;
        if (n_row > end - row && i > least) {
            i -= step;
            continue;
        }
        n_row = n_row < end - row ? n_row : end - row;
        status = multiply_block(job, bench, row, n_row, i, job->by_columns ? piece : 0);
        row += n_row;
    }
    omp_set_num_threads(n_thread);
    if (bench)
        give_back(state, bench);
    if (status)
        __atomic_store_n(job->failure, status, __ATOMIC_RELAXED);
}

static dm_status multiply(const struct dm_matmul *op, struct dm_threads *threads, dm_error *error) {
    dnnl_status_t failure = dnnl_success;
    size_t n_tile = (op->n_token + tile_rows - 1) / tile_rows;
    bool by_columns = n_tile < 2 * dm_threads_count(threads) && op->weight->n_slice > 1;
    struct job job = {op, by_columns, &failure};
    dm_parallel_for(threads, by_columns ? op->weight->n_slice : n_tile, multiply_piece, &job);
    return failure ? fail(error, failure, "a matrix product") : DM_OK;
}

/* ---- The backend ---- */

static bool has_bf16(void *opaque) {
    return ((struct state *)opaque)->bf16;
}

static void free_state(void *opaque) {
    struct state *state = opaque;
    while (state->kernels) {
        struct kernel *kernel = state->kernels;
        state->kernels = kernel->next;
        free_kernel(kernel);
    }
    while (state->benches) {
        struct bench *bench = state->benches;
        state->benches = bench->next;
        free_bench(bench);
    }
    dnnl_engine_destroy(state->engine);
    pthread_mutex_destroy(&state->mutex);
    dm_memory_free(state);
}

dm_status dm_onednn_matmul(struct dm_matmul_backend *backend, dm_error *error) {
    struct state *state = dm_memory_zeroed(1, sizeof *state);
    if (!state)
        return dm_fail_memory(error, "the matrix products");
    dnnl_status_t status = dnnl_engine_create(&state->engine, dnnl_cpu, 0);
    if (status) {
        dm_memory_free(state);
        return fail(error, status, "an engine");
    }
    pthread_mutex_init(&state->mutex, NULL);
    dnnl_cpu_isa_t isa = dnnl_get_effective_cpu_isa();
    state->bf16 = (isa & dnnl_cpu_isa_avx512_core_bf16) == dnnl_cpu_isa_avx512_core_bf16;
    *backend = (struct dm_matmul_backend){state,    matrix_new, matrix_free, matrix_bytes,
                                          multiply, has_bf16,   free_state};
    return DM_OK;
}
