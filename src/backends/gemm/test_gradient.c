#include "backends/gemm/test_gemm.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/half.h"
#include "base/memory.h"
#include "base/random.h"

enum { guard = test_guard };

struct gradient {
    struct dm_matmul_grad op;
    float *x, *dy;    /* and a row of NaN */
    float *before;    /* what dweight holds before */
    double *expected; /* and after */
    double *sizes;    /* sums of magnitudes */
};

static float rounded(float value, dm_dtype compute) {
    return compute == DM_DTYPE_BF16 ? dm_bf16_to_float(dm_bf16_from_float(value)) : value;
}

static float *draw_rows(struct dm_random *random, size_t n_token, size_t width) {
    float *rows = test_some((n_token + 1) * width, sizeof *rows);
    for (size_t i = 0; i < (n_token + 1) * width; i++)
        rows[i] = i < n_token * width ? (float)dm_random_normal(random) : NAN;
    return rows;
}

static void make_gradient(struct dm_random *random, struct test_shape shape, size_t n_token,
                          dm_dtype compute, struct gradient *g) {
    size_t n = shape.n_out * shape.n_in;
    *g = (struct gradient){.x = draw_rows(random, n_token, shape.n_in),
                           .dy = draw_rows(random, n_token, shape.n_out),
                           .before = test_some(n, sizeof *g->before),
                           .expected = test_some(n, sizeof *g->expected),
                           .sizes = test_some(n, sizeof *g->sizes)};
    g->op = (struct dm_matmul_grad){.n_token = n_token,
                                    .n_in = shape.n_in,
                                    .n_out = shape.n_out,
                                    .x = g->x,
                                    .dy = g->dy,
                                    .compute = compute};
    for (size_t i = 0; i < n; i++) {
        g->before[i] = (float)dm_random_normal(random);
        g->expected[i] = (double)g->before[i];
        g->sizes[i] = fabs(g->expected[i]);
    }
    for (size_t t = 0; t < n_token; t++)
        for (size_t o = 0; o < shape.n_out; o++) {
            double dy = (double)rounded(g->dy[t * shape.n_out + o], compute);
            for (size_t i = 0; i < shape.n_in; i++) {
                double term = dy * (double)rounded(g->x[t * shape.n_in + i], compute);
                g->expected[o * shape.n_in + i] += term;
                g->sizes[o * shape.n_in + i] += fabs(term);
            }
        }
}

static void free_gradient(struct gradient *g) {
    free(g->x);
    free(g->dy);
    free(g->before);
    free(g->expected);
    free(g->sizes);
}

/* Adds it to a copy of `before` with guards, which the caller frees. */
static float *run_gradient(const struct dm_matmul_backend *backend, const struct gradient *g,
                           struct dm_threads *threads) {
    size_t n = g->op.n_in * g->op.n_out;
    float *room = test_some(n + (size_t)2 * guard, sizeof *room);
    struct dm_matmul_grad op = g->op;
    dm_error error;
    for (int i = 0; i < guard; i++)
        room[i] = room[guard + n + (size_t)i] = 12345;
    memcpy(room + guard, g->before, n * sizeof *room);
    op.dweight = room + guard;
    if (backend->weight_gradient(backend->state, &op, threads, &error))
        fail_msg("%s", error.message);
    for (int i = 0; i < guard; i++)
        assert_true(room[i] == 12345 && room[guard + n + (size_t)i] == 12345);
    return room;
}

static void check_gradient(const struct dm_matmul_backend *backend, struct test_shape shape,
                           size_t n_token, dm_dtype compute, struct dm_random *random) {
    struct gradient g;
    size_t n = shape.n_out * shape.n_in;
    make_gradient(random, shape, n_token, compute, &g);
    float *first = run_gradient(backend, &g, test_threads[0]);
    for (size_t i = 0; i < n; i++)
        if (!(fabs((double)first[guard + i] - g.expected[i]) <= 2e-6 * g.sizes[i]))
            fail_msg("%zu x %zu, %zu tokens: %g instead of %g at %zu", shape.n_out, shape.n_in,
                     n_token, (double)first[guard + i], g.expected[i], i);
    for (int t = 1; t < 3; t++) {
        float *again = run_gradient(backend, &g, test_threads[t]);
        assert_memory_equal(again + guard, first + guard, n * sizeof *first);
        free(again);
    }
    free(first);
    free_gradient(&g);
}

void test_gradient(void **state) {
    (void)state;
    static const struct test_shape shapes[] = {{1, 1},    {3, 5},    {67, 33},  {33, 67},
                                               {8, 256},  {256, 8},  {64, 300}, {65, 1},
                                               {520, 70}, {128, 256}};
    static const size_t n_tokens[] = {0, 1, 3, 64, 511, 1000, 1500};
    struct dm_matmul_backend backend;
    struct dm_random random;
    size_t live = dm_memory_live();
    dm_random_seed(&random, 19);
    test_open_backend(&backend);
    for (int compute = DM_DTYPE_F32; compute <= DM_DTYPE_BF16; compute++)
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
            for (size_t k = 0; k < sizeof n_tokens / sizeof *n_tokens; k++)
                if (compute == DM_DTYPE_F32 || backend.has(backend.state, DM_DTYPE_BF16))
                    check_gradient(&backend, shapes[i], n_tokens[k], (dm_dtype)compute, &random);
    /* wide slices; several rounds */
    check_gradient(&backend, (struct test_shape){40, 1100}, 1100, DM_DTYPE_F32, &random);
    check_gradient(&backend, (struct test_shape){70, 20}, 15000, DM_DTYPE_F32, &random);
    backend.free_state(backend.state);
    assert_int_equal(dm_memory_live(), live);
}

/* ---- Several callers, and no memory ---- */

enum { n_caller = 6 };

struct caller {
    struct gradient gradient;
    float *dweight; /* that was added to */
    float y[80];    /* the product of x and what was packed last */
    dm_status status;
};
struct callers {
    const struct dm_matmul_backend *backend;
    struct caller list[n_caller];
};

static dm_status use_matrix(const struct dm_matmul_backend *backend, struct caller *caller) {
    const struct dm_matmul_grad *op = &caller->gradient.op;
    const struct dm_matrix_source zeros = {
        .data = caller->y, .dtype = DM_DTYPE_AUTO, .n_out = op->n_out, .n_in = 1};
    const struct dm_matrix_source source = {
        .data = caller->gradient.before, .dtype = DM_DTYPE_AUTO, .n_out = op->n_out, .n_in = 1};
    struct dm_matrix *matrix;
    dm_status status = backend->matrix_new(backend->state, &zeros, DM_DTYPE_F32, &matrix, NULL);
    if (status)
        return status;
    const struct dm_matmul product = {.n_token = 1, .x = op->x, .weight = matrix, .y = caller->y};
    status = backend->matrix_set(matrix, &source, NULL);
    if (!status)
        status = backend->multiply(&product, 1, NULL, NULL);
    backend->matrix_free(matrix);
    return status;
}

static void run_caller(void *context, size_t i) {
    struct callers *callers = context;
    const struct dm_matmul_backend *backend = callers->backend;
    struct caller *caller = &callers->list[i];
    struct dm_matmul_grad op = caller->gradient.op;
    op.dweight = caller->dweight;
    caller->status = use_matrix(backend, caller);
    if (!caller->status)
        caller->status = backend->weight_gradient(backend->state, &op, NULL, NULL);
}

/* Each has its own operands; the backend is shared. */
void test_callers(void **state) {
    (void)state;
    struct dm_matmul_backend backend;
    struct dm_random random;
    struct callers callers = {.backend = &backend};
    dm_random_seed(&random, 20);
    test_open_backend(&backend);
    for (size_t i = 0; i < n_caller; i++) {
        struct caller *caller = &callers.list[i];
        size_t n = (70 + i) * 40;
        make_gradient(&random, (struct test_shape){70 + i, 40}, 600, DM_DTYPE_F32,
                      &caller->gradient);
        caller->dweight = test_some(n, sizeof(float));
        memcpy(caller->dweight, caller->gradient.before, n * sizeof(float));
    }
    dm_parallel_for(test_threads[2], n_caller, run_caller, &callers);
    for (size_t i = 0; i < n_caller; i++) {
        struct caller *caller = &callers.list[i];
        struct gradient *g = &caller->gradient;
        float *alone = run_gradient(&backend, g, NULL);
        assert_int_equal(caller->status, DM_OK);
        assert_memory_equal(caller->dweight, alone + guard, (70 + i) * 40 * sizeof *alone);
        for (size_t o = 0; o < 70 + i; o++)
            assert_true(caller->y[o] == g->x[0] * g->before[o]);
        free(alone);
        free(caller->dweight);
        free_gradient(g);
    }
    backend.free_state(backend.state);
}

/* Whichever allocation fails: DM_ERROR_MEMORY, dweight as it was, and all is well the next time. */
static void check_failures(struct test_shape shape) {
    struct dm_matmul_backend backend;
    struct dm_random random;
    struct gradient g;
    dm_error error;
    size_t live = dm_memory_live(), size = shape.n_out * shape.n_in * sizeof(float), n = 1;
    dm_random_seed(&random, 21);
    make_gradient(&random, shape, 600, DM_DTYPE_F32, &g);
    float *dweight = test_some(size, 1);
    for (dm_status status = DM_ERROR_MEMORY; status; n++) {
        struct dm_matmul_grad op = g.op;
        op.dweight = dweight;
        memcpy(dweight, g.before, size);
        test_open_backend(&backend);
        assert_int_equal(backend.begin(backend.state, 2, &error), DM_OK);
        dm_memory_fail_at(n);
        status = backend.weight_gradient(backend.state, &op, test_threads[1], &error);
        dm_memory_fail_at(0);
        float *again = run_gradient(&backend, &g, test_threads[1]);
        if (status) {
            assert_int_equal(status, DM_ERROR_MEMORY);
            assert_memory_equal(dweight, g.before, size);
        } else {
            assert_memory_equal(dweight, again + guard, size);
        }
        free(again);
        backend.end(backend.state);
        backend.free_state(backend.state);
        assert_int_equal(dm_memory_live(), live);
    }
    assert_true(n > 4);
    free(dweight);
    free_gradient(&g);
}

static void check_matrix_failures(void) {
    struct dm_matmul_backend backend;
    dm_error error;
    const float values[6] = {0};
    const struct dm_matrix_source source = {
        .data = values, .dtype = DM_DTYPE_AUTO, .n_out = 2, .n_in = 3, .transposed = true};
    size_t live = dm_memory_live(), n = 1;
    for (dm_status status = DM_ERROR_MEMORY; status; n++) {
        struct dm_matrix *matrix = NULL;
        test_open_backend(&backend);
        assert_int_equal(backend.begin(backend.state, 2, &error), DM_OK);
        dm_memory_fail_at(n);
        status = backend.matrix_new(backend.state, &source, DM_DTYPE_F32, &matrix, &error);
        dm_memory_fail_at(0);
        assert_true(status == (matrix ? DM_OK : DM_ERROR_MEMORY));
        backend.matrix_free(matrix);
        backend.end(backend.state);
        backend.free_state(backend.state);
        assert_int_equal(dm_memory_live(), live);
    }
    assert_true(n > 4);
}

void test_no_memory(void **state) {
    (void)state;
    check_failures((struct test_shape){100, 40});
    check_failures((struct test_shape){10, 100});
    check_matrix_failures();
}
