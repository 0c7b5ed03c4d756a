/* Weights in groups, made of blocks or rounded to them, by the whole backend. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backends/gemm/test_gemm.h"
#include "base/half.h"
#include "base/memory.h"
#include "ops/convert/convert.h"

const struct dm_block_kind *const test_block_kinds[] = {
    &dm_blocks_q4_0, &dm_blocks_q8_0, &dm_blocks_q4_k, &dm_blocks_q5_k, &dm_blocks_q6_k};

/* Where a block has its f16 scales, in bytes. */
static size_t halves_of(const struct dm_block_kind *kind, size_t at[2]) {
    at[0] = kind == &dm_blocks_q6_k ? 208 : 0;
    at[1] = 2;
    return kind->form == DM_SCALE_MINIMUM ? 2 : 1;
}

unsigned char *test_random_blocks(const struct dm_block_kind *kind, size_t n_out, size_t n_in,
                                  struct dm_random *random) {
    size_t n_byte = n_out * dm_blocks_bytes(kind, n_in), at[2], n_half = halves_of(kind, at);
    unsigned char *blocks = test_some(n_byte, 1);
    for (size_t i = 0; i < n_byte; i++)
        blocks[i] = (unsigned char)dm_random_below(random, 256);
    for (size_t block = 0; block < n_byte; block += kind->n_byte)
        for (size_t k = 0; k < n_half; k++) {
            uint16_t half = dm_f16_from_float((float)dm_random_normal(random));
            memcpy(blocks + block + at[k], &half, sizeof half);
        }
    return blocks;
}

/* x as the kernels round it: 32 at a time. */
static void round_groups(const float *x, size_t n, float *rounded) {
    for (size_t i = 0; i < n; i += DM_GROUP) {
        uint8_t bytes[DM_GROUP];
        size_t length = n - i < DM_GROUP ? n - i : DM_GROUP;
        float scale = dm_bytes_from_floats_reference(x + i, length, bytes);
        for (size_t j = 0; j < length; j++)
            rounded[i + j] = scale * (float)(bytes[j] - 128);
    }
}

struct rows {
    size_t n_row, n_in, n_out;
    float *x, *weight, *y;
};

static struct rows new_rows(size_t n_row, size_t n_in, size_t n_out, struct dm_random *random) {
    struct rows rows = {n_row,
                        n_in,
                        n_out,
                        test_some(n_row * n_in, sizeof(float)),
                        test_some(n_out * n_in, sizeof(float)),
                        test_some(n_row * n_out, sizeof(float))};
    for (size_t i = 0; i < n_row * n_in; i++)
        rows.x[i] = (float)dm_random_normal(random) * ldexpf(1, (int)(i / 32 % 9));
    return rows;
}

static void free_rows(struct rows *rows) {
    free(rows->x);
    free(rows->weight);
    free(rows->y);
}

static void multiply_rows(const struct dm_matmul_backend *backend, const struct dm_matrix *matrix,
                          const struct rows *rows, size_t first, size_t n, size_t thread,
                          float *y) {
    const struct dm_matmul op = {
        .n_token = n, .x = rows->x + first * rows->n_in, .weight = matrix, .y = y};
    assert_int_equal(backend->multiply(&op, 1, test_threads[thread], NULL), DM_OK);
}

/* Against sums in double of x, rounded, and the weights. */
static void check_sums(const struct rows *rows, bool is_rounded, double allowed) {
    float *x = test_some(rows->n_in, sizeof *x);
    for (size_t t = 0; t < rows->n_row; t++) {
        memcpy(x, rows->x + t * rows->n_in, rows->n_in * sizeof *x);
        if (is_rounded)
            round_groups(rows->x + t * rows->n_in, rows->n_in, x);
        for (size_t o = 0; o < rows->n_out; o++) {
            double sum = 0, size = 0;
            for (size_t i = 0; i < rows->n_in; i++) {
                double term = (double)x[i] * (double)rows->weight[o * rows->n_in + i];
                sum += term;
                size += fabs(term);
            }
            double apart = fabs((double)rows->y[t * rows->n_out + o] - sum);
            if (!(apart <= allowed * size))
                fail_msg("row %zu, column %zu: %g instead of %g", t, o,
                         (double)rows->y[t * rows->n_out + o], sum);
        }
    }
    free(x);
}

/* Few rows, and the columns of slices, have the bits of all at once. */
static void check_bits(const struct dm_matmul_backend *backend, const struct dm_matrix *matrix,
                       const struct rows *rows) {
    float *part = test_some(rows->n_row * rows->n_out, sizeof *part);
    static const size_t lengths[] = {1, 2, 3, 4, 5, 7, 64};
    for (size_t k = 0; k < sizeof lengths / sizeof *lengths && lengths[k] <= rows->n_row; k++) {
        size_t first = (rows->n_row - lengths[k]) / 2;
        multiply_rows(backend, matrix, rows, first, lengths[k], k % 3, part);
        assert_memory_equal(part, rows->y + first * rows->n_out,
                            lengths[k] * rows->n_out * sizeof *part);
    }
    unsigned char *prepared = test_some(backend->prepared_bytes(matrix, rows->n_row), 1);
    const struct dm_preparation preparation = {rows->n_row, rows->x, prepared};
    backend->prepare(matrix, &preparation, 0, rows->n_row);
    for (size_t slice = 0; slice < backend->n_slice(matrix); slice++) {
        size_t column = backend->first_column(matrix, slice);
        size_t width = backend->first_column(matrix, slice + 1) - column;
        const struct dm_slice_product op = {.n_token = rows->n_row,
                                            .x = prepared,
                                            .weight = matrix,
                                            .slice = slice,
                                            .y = part,
                                            .y_step = width};
        assert_int_equal(backend->multiply_slice(&op, NULL), DM_OK);
        for (size_t t = 0; t < rows->n_row; t++)
            assert_memory_equal(part + t * width, rows->y + t * rows->n_out + column,
                                width * sizeof *part);
    }
    free(prepared);
    free(part);
}

static const struct test_shape shapes[] = {{1, 32},   {70, 256},  {130, 288},
                                           {65, 320}, {600, 768}, {33, 40}};

/* What is computed is what the blocks hold. */
void test_groups(void **state) {
    (void)state;
    struct dm_matmul_backend backend;
    struct dm_random random;
    dm_random_seed(&random, 31);
    test_open_backend(&backend);
    for (size_t k = 0; k < test_n_block_kind && backend.has(backend.state, DM_DTYPE_Q4); k++)
        for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
            const struct dm_block_kind *kind = test_block_kinds[k];
            size_t n_out = shapes[s].n_out, n_in = shapes[s].n_in;
            struct rows rows = new_rows(71, n_in, n_out, &random);
            unsigned char *blocks = test_random_blocks(kind, n_out, n_in, &random);
            const struct dm_matrix_source source = {
                .data = blocks, .n_out = n_out, .n_in = n_in, .blocks = kind};
            struct dm_matrix *matrix;
            for (size_t o = 0; o < n_out; o++)
                dm_source_reals(&source, o, 0, n_in, rows.weight + o * n_in);
            assert_int_equal(
                backend.matrix_new(backend.state, &source, DM_DTYPE_AUTO, &matrix, NULL), DM_OK);
            free(blocks); /* the matrix has its own copy */
            multiply_rows(&backend, matrix, &rows, 0, rows.n_row, 1, rows.y);
            check_sums(&rows, true, 4e-6);
            check_bits(&backend, matrix, &rows);
            backend.matrix_free(matrix);
            free_rows(&rows);
        }
    backend.free_state(backend.state);
}

/* Blocks may be computed with in float32 too, by any backend. */
void test_blocks_in_floats(void **state) {
    (void)state;
    enum { OUT = 37, IN = 256 };
    struct dm_matmul_backend own;
    struct dm_random random;
    dm_random_seed(&random, 32);
    test_open_backend(&own);
    const struct dm_matmul_backend backends[] = {own, dm_matmul_reference};
    for (size_t k = 0; k < 2 * test_n_block_kind; k++) {
        const struct dm_matmul_backend *backend = &backends[k % 2];
        const struct dm_block_kind *kind = test_block_kinds[k / 2];
        struct rows rows = new_rows(3, IN, OUT, &random);
        unsigned char *blocks = test_random_blocks(kind, OUT, IN, &random);
        const struct dm_matrix_source source = {
            .data = blocks, .n_out = OUT, .n_in = IN, .blocks = kind};
        struct dm_matrix *matrix;
        for (size_t o = 0; o < OUT; o++)
            dm_blocks_to_floats(kind, blocks + o * dm_blocks_bytes(kind, IN), 0, IN,
                                rows.weight + o * IN);
        assert_int_equal(backend->matrix_new(backend->state, &source, DM_DTYPE_F32, &matrix, NULL),
                         DM_OK);
        multiply_rows(backend, matrix, &rows, 0, rows.n_row, 0, rows.y);
        check_sums(&rows, false, 4e-6);
        backend->matrix_free(matrix);
        free(blocks);
        free_rows(&rows);
    }
    own.free_state(own.state);
}

/* Where memory is short, no matrix is left. */
static void check_short_memory(const struct dm_matmul_backend *backend,
                               const struct dm_matrix_source *source) {
    struct dm_matrix *matrix;
    size_t live = dm_memory_live(), n = 1;
    dm_status status;
    for (;; n++) {
        dm_memory_fail_at(n);
        status = backend->matrix_new(backend->state, source, DM_DTYPE_Q4, &matrix, NULL);
        dm_memory_fail_at(0);
        if (!status)
            break;
        assert_int_equal(status, DM_ERROR_MEMORY);
        assert_int_equal(dm_memory_live(), live);
    }
    backend->matrix_free(matrix);
    assert_true(n > 3 && dm_memory_live() == live);
}

/* A weight in floats becomes Q4_K, of any width; one that is set anew has the bits of one that was made;
 * what does not fit is refused. */
void test_rounded_groups(void **state) {
    (void)state;
    struct dm_matmul_backend backend;
    struct dm_random random;
    dm_error error;
    dm_random_seed(&random, 33);
    test_open_backend(&backend);
    for (size_t s = 0;
         s < sizeof shapes / sizeof *shapes && backend.has(backend.state, DM_DTYPE_Q4); s++) {
        size_t n_out = shapes[s].n_out, n_in = shapes[s].n_in;
        struct rows rows = new_rows(9, n_in, n_out, &random);
        unsigned char *row = test_some(dm_blocks_bytes(&dm_blocks_q4_k, n_in), 1);
        float *other = test_some(n_out * n_in, sizeof *other);
        struct dm_matrix *matrix;
        for (size_t i = 0; i < n_out * n_in; i++) {
            rows.weight[i] = (float)dm_random_normal(&random);
            other[i] = (float)dm_random_normal(&random);
        }
        struct dm_matrix_source source = {
            .data = other, .dtype = DM_DTYPE_F32, .n_out = n_out, .n_in = n_in};
        assert_int_equal(backend.matrix_new(backend.state, &source, DM_DTYPE_Q4, &matrix, NULL),
                         DM_OK);
        assert_true(backend.matrix_bytes(matrix) >= n_out * n_in / 2);
        check_short_memory(&backend, &source);
        source.data = rows.weight;
        assert_int_equal(backend.matrix_set(matrix, &source, NULL), DM_OK);
        multiply_rows(&backend, matrix, &rows, 0, rows.n_row, 2, rows.y);
        other[0] = 1e30F;
        source.data = other;
        assert_int_equal(backend.matrix_set(matrix, &source, &error), DM_ERROR_UNSUPPORTED);
        test_expect_error(&error, DM_ERROR_UNSUPPORTED, "beyond the range of q4_K");
        for (size_t o = 0; o < n_out; o++) {
            assert_true(dm_blocks_from_floats(&dm_blocks_q4_k, rows.weight + o * n_in, n_in, row));
            dm_blocks_to_floats(&dm_blocks_q4_k, row, 0, n_in, rows.weight + o * n_in);
        }
        check_sums(&rows, true, 4e-6);
        backend.matrix_free(matrix);
        free(row);
        free(other);
        free_rows(&rows);
    }
    backend.free_state(backend.state);
}
