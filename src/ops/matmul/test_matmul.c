#include "ops/matmul/matmul.h"

#include "ops/test_variants.h"

static const struct dm_matmul_backend *const backend = &dm_matmul_reference;

static struct dm_matrix *pack(const void *data, dm_dtype dtype, size_t n_out, size_t n_in) {
    struct dm_matrix_source source = {.data = data, .dtype = dtype, .n_out = n_out, .n_in = n_in};
    struct dm_matrix *matrix = NULL;
    assert_int_equal(backend->matrix_new(backend->state, &source, DM_DTYPE_F32, &matrix, NULL),
                     DM_OK);
    return matrix;
}

/* Against sums in double, then once more on top of the result. */
static void check(struct dm_random *random, size_t n_token, size_t n_in, size_t n_out) {
    float *x = random_floats(random, n_token * n_in, 0, 1), *y = new_floats(n_token * n_out);
    float *weight = random_floats(random, n_out * n_in, 0, 1);
    struct dm_matrix *matrix = pack(weight, DM_DTYPE_F32, n_out, n_in);
    assert_true(backend->matrix_bytes(matrix) >= n_out * n_in * sizeof(float));
    struct dm_matmul op = {.n_token = n_token, .x = x, .weight = matrix, .y = y};
    for (int times = 1; times <= 2; times++) {
        op.accumulate = times > 1;
        assert_int_equal(backend->multiply(&op, 1, NULL, NULL), DM_OK);
        for (size_t i = 0; i < n_token * n_out; i++) {
            double sum = 0, size = 0;
            for (size_t j = 0; j < n_in; j++) {
                double term = (double)x[i / n_out * n_in + j] * weight[i % n_out * n_in + j];
                sum += term;
                size += fabs(term);
            }
            check_near("matmul", y[i], times * sum, 1e-6 * times * size);
        }
    }
    backend->matrix_free(matrix);
    free_floats(x, n_token * n_in);
    free_floats(y, n_token * n_out);
    free_floats(weight, n_out * n_in);
}

static void test_formula(void **state) {
    (void)state;
    struct dm_random random;
    dm_random_seed(&random, 15);
    check(&random, 0, 5, 7);
    check(&random, 1, 1, 1);
    check(&random, 1, 67, 33);
    check(&random, 13, 48, 96);
    check(&random, 7, 33, 65);
}

/* The same bits for any number of threads and any set of neighbours. */
static void test_rows(void **state) {
    (void)state;
    enum { N_TOKEN = 23, N_IN = 31, N_OUT = 17 };
    struct dm_random random;
    dm_random_seed(&random, 16);
    float *x = random_floats(&random, N_TOKEN * N_IN, 0, 1);
    float *weight = random_floats(&random, N_OUT * N_IN, 0, 1), row[N_OUT];
    float *y = new_floats(N_TOKEN * N_OUT);
    struct dm_matrix *matrix = pack(weight, DM_DTYPE_F32, N_OUT, N_IN);
    for (size_t n_thread = 1; n_thread <= 7; n_thread += 3) {
        struct dm_threads *threads;
        assert_int_equal(dm_threads_new(n_thread, &threads, NULL), DM_OK);
        struct dm_matmul op = {.n_token = N_TOKEN, .x = x, .weight = matrix, .y = y};
        assert_int_equal(backend->multiply(&op, 1, threads, NULL), DM_OK);
        for (size_t t = 0; t < N_TOKEN; t++) {
            op = (struct dm_matmul){.n_token = 1, .x = x + t * N_IN, .weight = matrix, .y = row};
            assert_int_equal(backend->multiply(&op, 1, threads, NULL), DM_OK);
            assert_memory_equal(row, y + t * N_OUT, sizeof row);
        }
        dm_threads_free(threads);
    }
    backend->matrix_free(matrix);
    free_floats(x, N_TOKEN * N_IN);
    free_floats(weight, N_OUT * N_IN);
    free_floats(y, N_TOKEN * N_OUT);
}

/* Stored types, at an odd address; and no memory. */
static void test_packing(void **state) {
    (void)state;
    unsigned char bytes[1 + 4];
    const uint16_t f16[] = {dm_f16_from_float(1.5f), dm_f16_from_float(-2)};
    const uint16_t bf16[] = {dm_bf16_from_float(1.5f), dm_bf16_from_float(-2)};
    const float x[] = {2, 5};
    for (int is_bf16 = 0; is_bf16 < 2; is_bf16++) {
        float y;
        memcpy(bytes + 1, is_bf16 ? bf16 : f16, 4);
        struct dm_matrix *matrix = pack(bytes + 1, is_bf16 ? DM_DTYPE_BF16 : DM_DTYPE_F16, 1, 2);
        struct dm_matmul op = {.n_token = 1, .x = x, .weight = matrix, .y = &y};
        assert_int_equal(backend->multiply(&op, 1, NULL, NULL), DM_OK);
        assert_true(y == -7);
        backend->matrix_free(matrix);
    }
    size_t live = dm_memory_live();
    for (size_t n = 1; n <= 2; n++) {
        struct dm_matrix_source source = {.data = x, .dtype = DM_DTYPE_F32, .n_out = 1, .n_in = 2};
        struct dm_matrix *matrix = NULL;
        dm_memory_fail_at(n);
        assert_int_equal(backend->matrix_new(NULL, &source, DM_DTYPE_F32, &matrix, NULL),
                         DM_ERROR_MEMORY);
        dm_memory_fail_at(0);
        assert_null(matrix);
        assert_int_equal(dm_memory_live(), live);
    }
    backend->matrix_free(NULL);
}

/* Set to other values, of any source; a transposed one multiplies by columns. */
static void test_set(void **state) {
    (void)state;
    enum { N_OUT = 3, N_IN = 5 };
    struct dm_random random;
    float x[N_IN], y[N_OUT], weight[N_OUT * N_IN], columns[N_IN * N_OUT];
    dm_random_seed(&random, 17);
    for (size_t i = 0; i < N_IN; i++)
        x[i] = (float)dm_random_normal(&random);
    for (size_t i = 0; i < N_OUT * N_IN; i++) {
        weight[i] = (float)dm_random_normal(&random);
        columns[i % N_IN * N_OUT + i / N_IN] = weight[i];
    }
    const float zeros[N_OUT * N_IN] = {0};
    const struct dm_matrix_source sources[] = {{weight, DM_DTYPE_AUTO, N_OUT, N_IN, false, NULL},
                                               {weight, DM_DTYPE_F32, N_OUT, N_IN, false, NULL},
                                               {columns, DM_DTYPE_AUTO, N_OUT, N_IN, true, NULL},
                                               {columns, DM_DTYPE_F32, N_OUT, N_IN, true, NULL}};
    for (size_t k = 0; k < sizeof sources / sizeof *sources; k++) {
        struct dm_matrix *matrix = pack(zeros, DM_DTYPE_F32, N_OUT, N_IN);
        struct dm_matmul op = {.n_token = 1, .x = x, .weight = matrix, .y = y};
        assert_int_equal(backend->matrix_set(matrix, &sources[k], NULL), DM_OK);
        assert_int_equal(backend->multiply(&op, 1, NULL, NULL), DM_OK);
        for (size_t o = 0; o < N_OUT; o++) {
            float sum = 0;
            for (size_t i = 0; i < N_IN; i++)
                sum += x[i] * weight[o * N_IN + i];
            assert_true(y[o] == sum);
        }
        backend->matrix_free(matrix);
    }
}

/* Against sums in double; the same bits for any number of threads; the guards' NaN after the
 * last token is not read. */
static void check_gradient(struct dm_random *random, size_t n_token, size_t n_out, size_t n_in) {
    float *x = random_floats(random, n_token * n_in, 0, 1);
    float *dy = random_floats(random, n_token * n_out, 0, 1);
    float *before = random_floats(random, n_out * n_in, 0, 1), *first = NULL;
    for (size_t n_thread = 1; n_thread <= 7; n_thread += 3) {
        float *dweight = copied_floats(before, n_out * n_in);
        struct dm_threads *threads;
        assert_int_equal(dm_threads_new(n_thread, &threads, NULL), DM_OK);
        const struct dm_matmul_grad op = {.n_token = n_token,
                                          .n_in = n_in,
                                          .n_out = n_out,
                                          .x = x,
                                          .dy = dy,
                                          .dweight = dweight,
                                          .compute = DM_DTYPE_F32};
        assert_int_equal(backend->weight_gradient(NULL, &op, threads, NULL), DM_OK);
        dm_threads_free(threads);
        if (first) {
            assert_memory_equal(dweight, first, n_out * n_in * sizeof *first);
            free_floats(dweight, n_out * n_in);
        } else {
            first = dweight;
        }
    }
    for (size_t k = 0; k < n_out * n_in; k++) {
        double sum = (double)before[k], size = fabs(sum);
        for (size_t t = 0; t < n_token; t++) {
            double term = (double)dy[t * n_out + k / n_in] * (double)x[t * n_in + k % n_in];
            sum += term;
            size += fabs(term);
        }
        check_near("weight_gradient", first[k], sum, 1e-6 * size);
    }
    free_floats(x, n_token * n_in);
    free_floats(dy, n_token * n_out);
    free_floats(before, n_out * n_in);
    free_floats(first, n_out * n_in);
}

static void test_gradient(void **state) {
    (void)state;
    struct dm_random random;
    dm_random_seed(&random, 18);
    check_gradient(&random, 0, 2, 3);
    check_gradient(&random, 1, 1, 1);
    check_gradient(&random, 3, 3, 5);
    check_gradient(&random, 64, 67, 33);
    check_gradient(&random, 200, 8, 31);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formula),  cmocka_unit_test(test_rows),
        cmocka_unit_test(test_packing),  cmocka_unit_test(test_set),
        cmocka_unit_test(test_gradient),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
