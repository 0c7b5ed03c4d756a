#include "backends/gemm/test_gemm.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backends/cpu.h"
#include "backends/gemm/gemm.h"
#include "backends/gemm/kernel.h"
#include "backends/gemm/matrix.h"
#include "backends/gemm/terms.h"
#include "base/cpu_features.h"
#include "base/half.h"
#include "base/memory.h"
#include "base/random.h"

enum { max_rows = 200, guard = test_guard };

static const size_t widths[] = {1, 2, 7, 16, 31, 63, 64, 65, 129, 600};
/* slices of these leave 1, 16, 32, 48 or 63 columns for the last one */
static const size_t heights[] = {1, 3, 15, 63, 64, 65, 129, 513, 528, 544, 560, 575, 600, 1100};
enum { n_width = sizeof widths / sizeof *widths, n_height = sizeof heights / sizeof *heights };

struct dm_threads *test_threads[3];

struct product {
    size_t n_in, n_out;
    dm_dtype compute;
    float *weight;   /* [n_out, n_in], as the backend holds it */
    float *x;        /* [max_rows, n_in], as the backend takes it */
    float *expected; /* [max_rows, n_out] */
    float *sizes;    /* [max_rows, n_out]: sum of magnitudes */
};

void test_open_backend(struct dm_matmul_backend *backend) {
    struct dm_ops ops;
    dm_error error;
    dm_cpu_plain_ops(&ops, dm_cpu_features());
    if (dm_gemm_matmul(backend, &ops.convert, dm_cpu_features(), &error))
        fail_msg("%s", error.message);
}

void *test_some(size_t n, size_t size) {
    void *pointer = calloc(n, size);
    assert_non_null(pointer);
    return pointer;
}

/* Values that are exact in the type of the product: then only sums can round. */
static float draw(struct dm_random *random, dm_dtype compute) {
    float value = (float)dm_random_normal(random);
    if (compute == DM_DTYPE_INT8)
        return (float)dm_random_below(random, 255) - 127;
    return compute == DM_DTYPE_BF16 ? dm_bf16_to_float(dm_bf16_from_float(value)) : value;
}

static void make_product(struct dm_random *random, size_t n_in, size_t n_out, dm_dtype compute,
                         struct product *product) {
    *product = (struct product){.n_in = n_in,
                                .n_out = n_out,
                                .compute = compute,
                                .weight = test_some(n_out * n_in, sizeof(float)),
                                .x = test_some(max_rows * n_in, sizeof(float)),
                                .expected = test_some(max_rows * n_out, sizeof(float)),
                                .sizes = test_some(max_rows * n_out, sizeof(float))};
    for (size_t i = 0; i < n_out * n_in; i++)
        product->weight[i] = draw(random, compute);
    for (size_t i = 0; i < max_rows * n_in; i++)
        product->x[i] = draw(random, compute);
    for (size_t o = 0; o < n_out && compute == DM_DTYPE_INT8; o++)
        product->weight[o * n_in] = -127; /* so that a step is 1 */
    for (size_t t = 0; t < max_rows && compute == DM_DTYPE_INT8; t++)
        product->x[t * n_in + n_in / 2] = 127;
    for (size_t t = 0; t < max_rows; t += 13) /* a sample of rows: the naive product is slow */
        for (size_t o = 0; o < n_out; o++) {
            double sum = 0, size = 0;
            for (size_t i = 0; i < n_in; i++) {
                double term = (double)product->x[t * n_in + i] * product->weight[o * n_in + i];
                sum += term;
                size += fabs(term);
            }
            product->expected[t * n_out + o] = (float)sum;
            product->sizes[t * n_out + o] = (float)size;
        }
}

static void free_product(struct product *product) {
    free(product->weight);
    free(product->x);
    free(product->expected);
    free(product->sizes);
}

/* Rows [row, row + n) into y, whose surroundings stay untouched. */
static void multiply(const struct dm_matmul_backend *backend, const struct dm_matrix *matrix,
                     const struct product *product, size_t row, size_t n, size_t thread,
                     bool accumulate, float *y) {
    size_t size = n * product->n_out;
    float *room = test_some(size + (size_t)2 * guard, sizeof *room);
    dm_error error;
    for (int i = 0; i < guard; i++)
        room[i] = room[guard + size + (size_t)i] = 12345;
    memcpy(room + guard, y, size * sizeof *room);
    const struct dm_matmul op = {.n_token = n,
                                 .x = product->x + row * product->n_in,
                                 .weight = matrix,
                                 .y = room + guard,
                                 .accumulate = accumulate};
    if (backend->multiply(&op, 1, test_threads[thread], &error))
        fail_msg("%s", error.message);
    for (int i = 0; i < guard; i++)
        assert_true(room[i] == 12345 && room[guard + size + (size_t)i] == 12345);
    memcpy(y, room + guard, size * sizeof *room);
    free(room);
}

static void check_values(const struct product *product, const float *y) {
    for (size_t t = 0; t < max_rows; t += 13)
        for (size_t o = 0; o < product->n_out; o++) {
            size_t at = t * product->n_out + o;
            float apart = fabsf(y[at] - product->expected[at]);
            if (!(apart <= 2e-6f * product->sizes[at] + 1e-30f))
                fail_msg("%zu x %zu, row %zu, column %zu: %g instead of %g", product->n_in,
                         product->n_out, t, o, y[at], product->expected[at]);
        }
}

/* Any batch and any number of threads give a row the bits that it has in `y`. */
static void check_batches(const struct dm_matmul_backend *backend, const struct dm_matrix *matrix,
                          const struct product *product, const float *y, struct dm_random *random) {
    float *part = test_some(max_rows * product->n_out, sizeof *part);
    static const size_t lengths[] = {1, 2, 3, 17, 63, 64, 65, 127, 130, 200};
    for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
        size_t row = dm_random_below(random, max_rows - lengths[k] + 1);
        size_t thread = dm_random_below(random, 3);
        multiply(backend, matrix, product, row, lengths[k], thread, false, part);
        if (memcmp(part, y + row * product->n_out, lengths[k] * product->n_out * sizeof *y) != 0)
            fail_msg("%zu x %zu: rows %zu to %zu have other bits in a batch of their own",
                     product->n_in, product->n_out, row, row + lengths[k] - 1);
    }
    for (size_t i = 0; i < max_rows * product->n_out; i++)
        part[i] = 1;
    multiply(backend, matrix, product, 0, max_rows, 1, true, part);
    for (size_t i = 0; i < max_rows * product->n_out; i++)
        assert_true(part[i] == y[i] + 1);
    free(part);
}

/* The slices of some rows have the bits of the whole product, and together are all of it. */
static void check_slices(const struct dm_matmul_backend *backend, const struct dm_matrix *matrix,
                         const struct product *product, const float *y, struct dm_random *random) {
    size_t n_slice = backend->n_slice(matrix), n_out = product->n_out;
    assert_int_equal(backend->first_column(matrix, 0), 0);
    assert_int_equal(backend->first_column(matrix, n_slice), n_out);
    for (size_t slice = 0; slice < n_slice; slice++) {
        size_t n = 1 + dm_random_below(random, max_rows), first = dm_random_below(random, n);
        size_t column = backend->first_column(matrix, slice);
        size_t width = backend->first_column(matrix, slice + 1) - column;
        size_t n_byte = backend->prepared_bytes(matrix, n);
        unsigned char *prepared = test_some(n_byte + 1, 1); /* and in two parts: */
        const struct dm_preparation preparation = {n, product->x, prepared};
        backend->prepare(matrix, &preparation, 0, first);
        backend->prepare(matrix, &preparation, first, n - first);
        float *part = test_some(n * width + guard, sizeof *part);
        const struct dm_slice_product op = {.n_token = n,
                                            .x = n_byte ? (const void *)prepared : product->x,
                                            .weight = matrix,
                                            .slice = slice,
                                            .y = part,
                                            .y_step = width};
        assert_int_equal(backend->multiply_slice(&op, NULL), DM_OK);
        for (size_t t = 0; t < n; t++)
            assert_memory_equal(part + t * width, y + t * n_out + column, width * sizeof *y);
        for (size_t i = 0; i < guard; i++)
            assert_true(part[n * width + i] == 0);
        free(part);
        free(prepared);
    }
}

/* As the sum of three bf16 by the kernel of bf16, whichever serves bf16x3 on this processor. */
static dm_status new_matrix(const struct dm_matmul_backend *backend,
                            const struct dm_matrix_source *source, dm_dtype compute,
                            struct dm_matrix **matrix, dm_error *error) {
    return compute == DM_DTYPE_BF16X3
               ? dm_matrix_new_by(backend->state, dm_gemm_kernel(DM_DTYPE_BF16, dm_cpu_features()),
                                  DM_MAX_TERMS, source, compute, matrix, error)
               : backend->matrix_new(backend->state, source, compute, matrix, error);
}

static void check_shape(const struct dm_matmul_backend *backend, size_t n_in, size_t n_out,
                        dm_dtype compute, struct dm_random *random) {
    struct product product;
    struct dm_matrix *matrix;
    dm_error error;
    make_product(random, n_in, n_out, compute, &product);
    unsigned char *stored =
        test_some(n_out * n_in * sizeof(float) + 1, 1); /* unaligned, as in a file */
    memcpy(stored + 1, product.weight, n_out * n_in * sizeof(float));
    const struct dm_matrix_source source = {
        .data = stored + 1, .dtype = DM_DTYPE_F32, .n_out = n_out, .n_in = n_in};
    if (new_matrix(backend, &source, compute, &matrix, &error))
        fail_msg("%s", error.message);
    free(stored); /* the matrix has its own copy */
    size_t size = compute == DM_DTYPE_INT8 ? 1 : compute == DM_DTYPE_BF16 ? 2 : 4;
    assert_true(backend->matrix_bytes(matrix) >= n_out * n_in * size);
    float *y = test_some(max_rows * n_out, sizeof *y);
    multiply(backend, matrix, &product, 0, max_rows, 0, false, y);
    check_values(&product, y);
    check_batches(backend, matrix, &product, y, random);
    check_slices(backend, matrix, &product, y, random);
    free(y);
    backend->matrix_free(matrix);
    free_product(&product);
}

static void check_type(dm_dtype compute) {
    struct dm_matmul_backend backend;
    struct dm_random random;
    size_t live = dm_memory_live();
    dm_random_seed(&random, 17);
    test_open_backend(&backend);
    if (!backend.has(backend.state, compute)) {
        backend.free_state(backend.state);
        skip();
    }
    /* Small ones first: each needs a larger workspace than those before it. */
    for (size_t i = 0; i < n_width; i++)
        for (size_t o = 0; o < n_height; o++)
            if ((i + o) % 3 == 0 || widths[i] == 65)
                check_shape(&backend, widths[i], heights[o], compute, &random);
    backend.free_state(backend.state);
    assert_int_equal(dm_memory_live(), live);
}

static void test_f32(void **state) {
    (void)state;
    check_type(DM_DTYPE_F32);
}

static void test_bf16(void **state) {
    (void)state;
    check_type(DM_DTYPE_BF16);
}

static void test_bf16x3(void **state) {
    (void)state;
    check_type(DM_DTYPE_BF16X3);
}

static void test_int8(void **state) {
    (void)state;
    check_type(DM_DTYPE_INT8);
}

/* x [n_row, n] as 8 bits have it. */
static float *in_bytes(const float *x, size_t n_row, size_t n) {
    float *rounded = test_some(n_row * n, sizeof *rounded);
    uint8_t *bytes = test_some(n, 1);
    for (size_t t = 0; t < n_row; t++) {
        float scale = dm_bytes_from_floats_reference(x + t * n, n, bytes);
        for (size_t i = 0; i < n; i++)
            rounded[t * n + i] = scale * ((float)bytes[i] - 128);
    }
    free(bytes);
    return rounded;
}

/* Each row of x, and each of the weight, has a scale of its own; weights come in any stored
 * type. */
static void test_scales(void **state) {
    (void)state;
    enum { IN = 101, OUT = 70 };
    struct dm_matmul_backend backend;
    struct dm_random random;
    struct product product;
    struct dm_matrix *matrix;
    dm_random_seed(&random, 19);
    test_open_backend(&backend);
    if (!backend.has(backend.state, DM_DTYPE_INT8)) {
        backend.free_state(backend.state);
        skip();
    }
    make_product(&random, IN, OUT, DM_DTYPE_BF16, &product);
    for (size_t i = 0; i < OUT * IN; i++)
        product.weight[i] *= ldexpf(1, (int)(i / IN % 20) - 10);
    for (size_t i = 0; i < max_rows * IN; i++)
        product.x[i] *= ldexpf(1, (int)(i / IN % 30) - 15);
    uint16_t *stored = test_some(OUT * IN, sizeof *stored);
    for (size_t i = 0; i < OUT * IN; i++)
        stored[i] = dm_bf16_from_float(product.weight[i]);
    const struct dm_matrix_source source = {
        .data = stored, .dtype = DM_DTYPE_BF16, .n_out = OUT, .n_in = IN};
    assert_int_equal(backend.matrix_new(backend.state, &source, DM_DTYPE_INT8, &matrix, NULL),
                     DM_OK);
    float *x = in_bytes(product.x, max_rows, IN), *weight = in_bytes(product.weight, OUT, IN);
    float *y = test_some((size_t)max_rows * OUT, sizeof *y);
    multiply(&backend, matrix, &product, 0, max_rows, 1, false, y);
    for (size_t t = 0; t < max_rows; t++)
        for (size_t o = 0; o < OUT; o++) {
            double sum = 0, size = 0;
            for (size_t i = 0; i < IN; i++) {
                sum += (double)x[t * IN + i] * weight[o * IN + i];
                size += fabs((double)x[t * IN + i] * weight[o * IN + i]);
            }
            assert_true(fabs(y[t * OUT + o] - sum) <= 1e-6 * size);
        }
    free(x);
    free(weight);
    free(y);
    free(stored);
    backend.matrix_free(matrix);
    free_product(&product);
    backend.free_state(backend.state);
}

/* A weight is packed from any stored type; x is rounded to bf16 for a product in bf16. */
static void test_rounding(void **state) {
    (void)state;
    struct dm_matmul_backend backend;
    struct dm_matrix *matrix;
    dm_error error;
    uint16_t stored[3];
    const float weight[3] = {1.5f, -2, 0.25f}, x[3] = {1.00390625f, 3, 1}; /* 1 + 2^-8 */
    float y;
    test_open_backend(&backend);
    for (int type = DM_DTYPE_F32; type <= DM_DTYPE_F16; type++)
        for (int compute = DM_DTYPE_F32; compute <= DM_DTYPE_BF16; compute++) {
            if (compute == DM_DTYPE_BF16 && !backend.has(backend.state, DM_DTYPE_BF16))
                continue;
            for (int i = 0; i < 3; i++)
                stored[i] = type == DM_DTYPE_BF16 ? dm_bf16_from_float(weight[i])
                                                  : dm_f16_from_float(weight[i]);
            const struct dm_matrix_source source = {
                .data = type == DM_DTYPE_F32 ? (const void *)weight : stored,
                .dtype = (dm_dtype)type,
                .n_out = 1,
                .n_in = 3};
            assert_int_equal(
                backend.matrix_new(backend.state, &source, (dm_dtype)compute, &matrix, &error),
                DM_OK);
            const struct dm_matmul op = {.n_token = 1, .x = x, .weight = matrix, .y = &y};
            assert_int_equal(backend.multiply(&op, 1, NULL, &error), DM_OK);
            float first = compute == DM_DTYPE_BF16 ? 1.0f : x[0]; /* a tie goes to the even one */
            assert_true(y == 1.5f * first - 6 + 0.25f);
            backend.matrix_free(matrix);
        }
    backend.free_state(backend.state);
}

/* ---- Packing other values ---- */

/* Exact in every type. */
static float draw_exact(struct dm_random *random) {
    return ((float)dm_random_below(random, 511) - 255) / 64;
}

/* Values [n_out, n_in] as a source lies in memory: of any type, transposed or not; unaligned, as in
 * a file, but for DM_DTYPE_AUTO. */
static void *store(const float *values, struct test_shape shape, dm_dtype dtype, bool transposed,
                   struct dm_matrix_source *source) {
    size_t n_row = transposed ? shape.n_in : shape.n_out, n = shape.n_out * shape.n_in;
    size_t size = dm_dtype_size(dtype == DM_DTYPE_AUTO ? DM_DTYPE_F32 : dtype);
    unsigned char *bytes = test_some(n * size + 1, 1), *at = bytes + (dtype != DM_DTYPE_AUTO);
    for (size_t i = 0; i < n; i++) {
        size_t row = i / (n / n_row), column = i % (n / n_row);
        float value = values[transposed ? column * shape.n_in + row : i];
        uint16_t half =
            dtype == DM_DTYPE_BF16 ? dm_bf16_from_float(value) : dm_f16_from_float(value);
        memcpy(at + i * size, size == 4 ? (const void *)&value : &half, size);
    }
    *source = (struct dm_matrix_source){.data = at,
                                        .dtype = dtype,
                                        .n_out = shape.n_out,
                                        .n_in = shape.n_in,
                                        .transposed = transposed};
    return bytes;
}

/* A matrix that is set gives the same bits as one that was made of the same values. */
static void check_set(const struct dm_matmul_backend *backend, struct test_shape shape,
                      dm_dtype compute, struct dm_random *random) {
    struct product product;
    struct dm_matrix *made, *set;
    struct dm_matrix_source source;
    make_product(random, shape.n_in, shape.n_out, compute, &product);
    void *other = store(product.weight, shape, DM_DTYPE_F32, true, &source);
    assert_int_equal(backend->matrix_new(backend->state, &source, compute, &set, NULL), DM_OK);
    free(other);
    for (size_t i = 0; i < shape.n_out * shape.n_in; i++)
        product.weight[i] = draw_exact(random);
    float *y = test_some(max_rows * shape.n_out, sizeof *y);
    float *expected = test_some(max_rows * shape.n_out, sizeof *y);
    void *plain = store(product.weight, shape, DM_DTYPE_F32, false, &source);
    assert_int_equal(backend->matrix_new(backend->state, &source, compute, &made, NULL), DM_OK);
    free(plain);
    multiply(backend, made, &product, 0, max_rows, 1, false, expected);
    for (int type = DM_DTYPE_AUTO; type <= DM_DTYPE_F16; type++)
        for (int transposed = 0; transposed < 2; transposed++) {
            void *stored = store(product.weight, shape, (dm_dtype)type, transposed, &source);
            assert_int_equal(backend->matrix_set(set, &source, NULL), DM_OK);
            free(stored);
            multiply(backend, set, &product, 0, max_rows, 1, false, y);
            assert_memory_equal(y, expected, max_rows * shape.n_out * sizeof *y);
            multiply(backend, set, &product, 7, 3, 1, false, y); /* by slices */
            assert_memory_equal(y, expected + 7 * shape.n_out, 3 * shape.n_out * sizeof *y);
        }
    free(y);
    free(expected);
    backend->matrix_free(made);
    backend->matrix_free(set);
    free_product(&product);
}

static void test_set(void **state) {
    (void)state;
    static const struct test_shape shapes[] = {{1, 1},   {3, 5},    {33, 67},   {67, 33},
                                               {64, 64}, {48, 600}, {600, 129}, {1100, 31}};
    struct dm_matmul_backend backend;
    struct dm_random random;
    dm_random_seed(&random, 18);
    test_open_backend(&backend);
    for (int compute = DM_DTYPE_F32; compute <= DM_DTYPE_BF16; compute++)
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
            if (compute == DM_DTYPE_F32 || backend.has(backend.state, DM_DTYPE_BF16))
                check_set(&backend, shapes[i], (dm_dtype)compute, &random);
    backend.free_state(backend.state);
}

/* ---- The backend ---- */

static void test_processors(void **state) {
    (void)state;
    struct dm_ops ops = {0};
    dm_error error;
    assert_int_equal(dm_cpu_ops("pentium", &ops, &error), DM_ERROR_ARGUMENT);
    test_expect_error(&error, DM_ERROR_ARGUMENT, "pentium");
    assert_null(ops.cpu);
    dm_cpu_ops_free(&ops); /* harmless when nothing was filled in */
    assert_int_equal(dm_cpu_ops("reference", &ops, &error), DM_OK);
    assert_string_equal(ops.cpu, "reference");
    assert_false(ops.matmul.has(ops.matmul.state, DM_DTYPE_BF16));
    dm_cpu_ops_free(&ops);
    assert_int_equal(dm_cpu_ops(NULL, &ops, &error), DM_OK);
    dm_cpu_ops_free(&ops);
}

static int set_up(void **state) {
    (void)state;
    if (!dm_gemm_kernel(DM_DTYPE_F32, dm_cpu_features()))
        exit(77); /* skipped: without vectors nothing is packed */
    static const size_t counts[] = {1, 2, 7};
    for (int i = 0; i < 3; i++)
        if (dm_threads_new(counts[i], &test_threads[i], NULL))
            return -1;
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    for (int i = 0; i < 3; i++)
        dm_threads_free(test_threads[i]);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kernels),        cmocka_unit_test(test_f32),
        cmocka_unit_test(test_bf16),           cmocka_unit_test(test_int8),
        cmocka_unit_test(test_bf16x3),         cmocka_unit_test(test_scales),
        cmocka_unit_test(test_rounding),       cmocka_unit_test(test_set),
        cmocka_unit_test(test_gradient),       cmocka_unit_test(test_callers),
        cmocka_unit_test(test_no_memory),      cmocka_unit_test(test_processors),
        cmocka_unit_test(test_groups),         cmocka_unit_test(test_blocks_in_floats),
        cmocka_unit_test(test_rounded_groups),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
