/* Times the matrix products of a training step, at the shapes of a small model (d_model 128) and of
 * mamba-130m (768), and prints a JSON line for each: GFLOP/s and milliseconds, the best of several
 * runs; and per model the time that all products of a layer need together.
 *
 *     matmul_bench [TOKENS]      4096 unless told
 *
 * From the environment: DM_THREADS, DM_CPU. */
#include <math.h>

#include "backends/cpu.h"
#include "base/half.h"
#include "base/memory.h"
#include "base/random.h"
#include "bench.h"

enum { head_tokens = 256 };

struct bench {
    struct dm_ops ops;
    struct dm_threads *threads;
    size_t n_token;
    float *x, *dy, *weight; /* large enough for any of the shapes */
};

struct shape {
    const char *name;
    size_t n_out, n_in;
    bool always_f32;
};

static const struct {
    size_t d_model;
    struct shape shapes[6];
} models[] = {
    {128,
     {{"in_x", 256, 128, false},
      {"in_z", 256, 128, false},
      {"x_dt", 8, 256, true},
      {"x_BC", 32, 256, true},
      {"dt_proj", 256, 8, true},
      {"out_proj", 128, 256, false}}},
    {768,
     {{"in_x", 1536, 768, false},
      {"in_z", 1536, 768, false},
      {"x_dt", 48, 1536, true},
      {"x_BC", 32, 1536, true},
      {"dt_proj", 1536, 48, true},
      {"out_proj", 768, 1536, false}}},
};
static const struct shape head = {"head", 50280, 768, false};

/* One product: forwards, back (by the transposed weight), or the weight's gradient. */
enum kind { FORWARD, BACK, GRADIENT, PACK, PACK_TRANSPOSED, n_kind };
static const char *const kinds[] = {"multiply", "multiply_transposed", "weight_gradient", "pack",
                                    "pack_transposed"};

struct run {
    const struct bench *bench;
    const struct shape *shape;
    struct dm_matrix_source source;
    dm_dtype compute;
    enum kind kind;
    size_t n_token;
    struct dm_matrix *matrix; /* none of a gradient */
};

static void run_once(const struct run *run) {
    const struct bench *b = run->bench;
    const struct dm_matmul_backend *matmul = &b->ops.matmul;
    size_t n_in = run->shape->n_in, n_out = run->shape->n_out;
    const struct dm_matmul forward = {
        .n_token = run->n_token, .x = b->x, .weight = run->matrix, .y = b->dy};
    const struct dm_matmul back = {
        .n_token = run->n_token, .x = b->dy, .weight = run->matrix, .y = b->x};
    const struct dm_matmul_grad gradient = {.n_token = run->n_token,
                                            .n_in = n_in,
                                            .n_out = n_out,
                                            .x = b->x,
                                            .dy = b->dy,
                                            .dweight = b->weight,
                                            .compute = run->compute};
    dm_error error;
    if (run->kind == GRADIENT)
        check(matmul->weight_gradient(matmul->state, &gradient, b->threads, &error), &error);
    else if (run->kind >= PACK)
        check(matmul->matrix_set(run->matrix, &run->source, &error), &error);
    else
        check(matmul->multiply(run->kind == FORWARD ? &forward : &back, 1, b->threads, &error),
              &error);
}

/* Seconds for one. */
static double run_several(const struct run *run, size_t n) {
    double begin = seconds();
    for (size_t i = 0; i < n; i++)
        run_once(run);
    return (seconds() - begin) / (double)n;
}

/* Seconds: the best of the runs that 0.3 seconds have room for, three at least. */
static double measure(const struct bench *b, const struct shape *shape, dm_dtype compute,
                      enum kind kind, size_t n_token) {
    const struct dm_matmul_backend *matmul = &b->ops.matmul;
    bool back = kind == BACK || kind == PACK_TRANSPOSED;
    struct run run = {.bench = b,
                      .shape = shape,
                      .source = {.data = b->weight,
                                 .n_out = back ? shape->n_in : shape->n_out,
                                 .n_in = back ? shape->n_out : shape->n_in,
                                 .transposed = back},
                      .compute = compute,
                      .kind = kind,
                      .n_token = n_token};
    dm_error error;
    if (kind != GRADIENT)
        check(matmul->matrix_new(matmul->state, &run.source, compute, &run.matrix, &error), &error);
    check(matmul->begin(matmul->state, dm_threads_count(b->threads), &error), &error);
    run_once(&run);
    double best = run_several(&run, 1), end = seconds() + 0.3;
    size_t n = (size_t)(1e-4 / fmax(best, 1e-8)) + 1; /* not less than the clock can tell */
    for (size_t i = 0; i < 3 || seconds() < end; i++)
        best = fmin(best, run_several(&run, n));
    matmul->end(matmul->state);
    matmul->matrix_free(run.matrix);
    return best;
}

static void print_start(const struct bench *b, const char *name, dm_dtype compute) {
    printf("{\"bench\": \"%s\", \"dtype\": \"%s\", \"threads\": %zu", name, dm_dtype_name(compute),
           dm_threads_count(b->threads));
}

/* Prints a line; returns the time, in seconds. */
static double report(const struct bench *b, const struct shape *shape, dm_dtype compute,
                     enum kind kind, size_t n_token) {
    double time = measure(b, shape, compute, kind, n_token);
    double n_element = (double)shape->n_out * (double)shape->n_in;
    print_start(b, kinds[kind], compute);
    printf(", \"matrix\": \"%s\", \"n_out\": %zu, \"n_in\": %zu", shape->name, shape->n_out,
           shape->n_in);
    if (kind >= PACK)
        printf(", \"gb_per_s\": %.1f, \"us\": %.1f}\n", 4e-9 * n_element / time, time * 1e6);
    else
        printf(", \"n_token\": %zu, \"gflops\": %.1f, \"ms\": %.3f}\n", n_token,
               2e-9 * n_element * (double)n_token / time, time * 1e3);
    return time;
}

/* All matrices of a layer; then the time that their products need in a training step. */
static void report_model(const struct bench *b, size_t model, dm_dtype compute) {
    double total[n_kind] = {0}, n_flop = 0;
    for (size_t i = 0; i < 6; i++) {
        const struct shape *shape = &models[model].shapes[i];
        dm_dtype type = shape->always_f32 ? DM_DTYPE_F32 : compute;
        n_flop += 6 * (double)shape->n_out * (double)shape->n_in * (double)b->n_token;
        for (enum kind kind = FORWARD; kind < n_kind; kind++)
            total[kind] += report(b, shape, type, kind, b->n_token);
    }
    double products = total[FORWARD] + total[BACK] + total[GRADIENT];
    print_start(b, "layer", compute);
    printf(", \"d_model\": %zu, \"n_token\": %zu, \"forward_ms\": %.3f, \"back_ms\": %.3f, "
           "\"gradient_ms\": %.3f, \"pack_ms\": %.3f, \"gflops\": %.1f}\n",
           models[model].d_model, b->n_token, total[FORWARD] * 1e3, total[BACK] * 1e3,
           total[GRADIENT] * 1e3, (total[PACK] + total[PACK_TRANSPOSED]) * 1e3,
           1e-9 * n_flop / products);
}

static float *random_floats(size_t n) {
    struct dm_random random;
    float *p = dm_memory_array(n, sizeof *p);
    dm_random_seed(&random, 1);
    for (size_t i = 0; p && i < n; i++)
        p[i] = (float)dm_random_uniform(&random) - 0.5f;
    return p;
}

int main(int n_argument, char **arguments) {
    dm_error error;
    struct bench b = {.n_token = n_argument > 1 ? strtoul(arguments[1], NULL, 10) : 4096};
    size_t wide =
        b.n_token * 1536 > head_tokens * head.n_out ? b.n_token * 1536 : head_tokens * head.n_out;
    check(dm_threads_new(setting("DM_THREADS", 0), &b.threads, &error), &error);
    check(dm_cpu_ops(getenv("DM_CPU"), &b.ops, &error), &error);
    b.x = random_floats(wide);
    b.dy = random_floats(wide);
    b.weight = random_floats(head.n_out * head.n_in);
    if (!b.x || !b.dy || !b.weight)
        check(dm_fail_memory(&error, "the activations"), &error);
    for (dm_dtype compute = DM_DTYPE_F32; compute <= DM_DTYPE_BF16; compute++) {
        if (compute == DM_DTYPE_BF16 && !b.ops.matmul.has(b.ops.matmul.state, DM_DTYPE_BF16))
            continue;
        for (size_t model = 0; model < sizeof models / sizeof *models; model++)
            report_model(&b, model, compute);
        for (enum kind kind = FORWARD; kind < n_kind; kind++)
            report(&b, &head, compute, kind, head_tokens);
    }
    dm_memory_free(b.x);
    dm_memory_free(b.dy);
    dm_memory_free(b.weight);
    dm_cpu_ops_free(&b.ops);
    dm_threads_free(b.threads);
    return 0;
}
