/* Times packed products on one thread, at the shapes of mamba-130m, 1.4b and 2.8b, in each type that
 * the processor (or DM_CPU) has, in turn with other libraries' in float32 where these are there; and
 * prints a JSON line for each: GFLOP/s, gigabytes of weights a second, and how many times as fast as
 * each of the others, by the best of many short runs.
 *
 *     gemm_bench [MODEL [ROWS]]      130m, 1.4b or 2.8b; all unless told
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backends/cpu.h"
#include "base/half.h"
#include "base/memory.h"
#include "base/random.h"
#include "peers.h"

enum { max_peers = 4, head_columns = 50280, max_rows = 2048 };

static const struct {
    const char *name;
    size_t d_model, dt_rank;
} models[] = {{"130m", 768, 48}, {"1.4b", 2048, 128}, {"2.8b", 2560, 160}};
static const size_t rows[] = {1, 4, 16, 64, 512, 2048};

struct shape {
    const char *name;
    size_t n_out, n_in;
};

/* Of this thread alone: others that share the processor make no difference while they have it. */
static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void check(dm_status status, const dm_error *error) {
    if (!status)
        return;
    fprintf(stderr, "gemm_bench: %s\n", error->message);
    exit(1);
}

static float *random_floats(size_t n) {
    struct dm_random random;
    float *p = dm_memory_array(n, sizeof *p);
    dm_error error;
    if (!p)
        check(dm_fail_memory(&error, "the operands"), &error);
    dm_random_seed(&random, 1);
    for (size_t i = 0; i < n; i++)
        p[i] = (float)dm_random_uniform(&random) - 0.5f;
    return p;
}

/* ---- What takes turns ---- */

struct runner {
    void (*run)(void *state);
    void *state;
    double best;
};

struct own {
    const struct dm_matmul_backend *backend;
    struct dm_matmul op;
};

static void run_own(void *state) {
    const struct own *own = state;
    dm_error error;
    check(own->backend->multiply(&own->op, 1, NULL, &error), &error);
}

static double run_several(const struct runner *runner, size_t n) {
    double begin = now();
    for (size_t i = 0; i < n; i++)
        runner->run(runner->state);
    return (now() - begin) / (double)n;
}

/* Each by turns, for a third of a second and three times at least. */
static void measure(struct runner *runners, size_t n_runner) {
    size_t n[max_peers];
    for (size_t i = 0; i < n_runner; i++) {
        runners[i].run(runners[i].state);
        runners[i].best = run_several(&runners[i], 1);
        n[i] = (size_t)(2e-4 / runners[i].best) + 1; /* not less than the clock can tell */
    }
    double end = now() + 0.3;
    for (size_t round = 0; round < 3 || now() < end; round++)
        for (size_t i = 0; i < n_runner; i++)
            runners[i].best = fmin(runners[i].best, run_several(&runners[i], n[i]));
}

/* ---- Reports ---- */

static void report(const struct dm_ops *ops, const char *model, const struct shape *shape,
                   size_t n_row, dm_dtype compute) {
    size_t n_in = shape->n_in, n_out = shape->n_out;
    float *x = random_floats(n_row * n_in), *weight = random_floats(n_out * n_in);
    float *y = random_floats(n_row * n_out);
    const struct dm_matmul_backend *backend = &ops->matmul;
    const struct dm_matrix_source source = {weight, DM_DTYPE_AUTO, n_out, n_in, false, NULL};
    struct dm_matrix *matrix;
    dm_error error;
    check(backend->matrix_new(backend->state, &source, compute, &matrix, &error), &error);
    check(backend->begin(backend->state, 1, &error), &error);
    struct own own = {backend, {n_row, x, matrix, y, false}};
    const struct peer_product product = {n_row, n_in, n_out, x, weight, y};
    struct runner runners[max_peers] = {{run_own, &own, 0}};
    const struct peer *who[max_peers];
    size_t n = 1;
    for (size_t i = 0; peers[i] && compute == DM_DTYPE_F32; i++)
        if ((runners[n].state = peers[i]->open(&product))) {
            runners[n].run = peers[i]->run;
            who[n++] = peers[i];
        }
    measure(runners, n);
    double flop = 2 * (double)n_row * (double)n_in * (double)n_out;
    printf("{\"bench\": \"gemm\", \"cpu\": \"%s\", \"dtype\": \"%s\", \"model\": \"%s\", "
           "\"matrix\": \"%s\", \"n_out\": %zu, \"n_in\": %zu, \"n_row\": %zu, \"gflops\": %.1f, "
           "\"weights_gb_per_s\": %.1f",
           ops->cpu, dm_dtype_name(compute), model, shape->name, n_out, n_in, n_row,
           1e-9 * flop / runners[0].best,
           1e-9 * (double)backend->matrix_bytes(matrix) / runners[0].best);
    for (size_t i = 1; i < n; i++) {
        printf(", \"times_%s\": %.2f", who[i]->name, runners[i].best / runners[0].best);
        who[i]->close(runners[i].state);
    }
    printf("}\n");
    fflush(stdout);
    backend->end(backend->state);
    backend->matrix_free(matrix);
    dm_memory_free(x);
    dm_memory_free(weight);
    dm_memory_free(y);
}

static void report_model(size_t model, const char *only_rows) {
    size_t D = models[model].d_model, E = 2 * D, R = models[model].dt_rank;
    const struct shape shapes[] = {{"in_proj", E, D},  {"x_dt", R, E},
                                   {"x_BC", 32, E},    {"dt_proj", E, R},
                                   {"out_proj", D, E}, {"head", head_columns, D}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
            bool is_head = shapes[s].n_out == head_columns, is_narrow = s > 0 && s < 4;
            if ((only_rows && strtoul(only_rows, NULL, 10) != rows[r]) || (is_head && rows[r] > 64))
                continue;
            for (dm_dtype compute = DM_DTYPE_F32; compute <= DM_DTYPE_Q4; compute++) {
                struct dm_ops ops; /* each has its own, and gives its weights back */
                dm_error error;
                check(dm_cpu_ops(getenv("DM_CPU"), &ops, &error), &error);
                if (compute != DM_DTYPE_F16 && !(is_narrow && compute != DM_DTYPE_F32) &&
                    ops.matmul.has(ops.matmul.state, compute))
                    report(&ops, models[model].name, &shapes[s], rows[r], compute);
                dm_cpu_ops_free(&ops);
            }
        }
}

int main(int n_argument, char **arguments) {
    for (size_t model = 0; model < sizeof models / sizeof *models; model++)
        if (n_argument < 2 || strcmp(arguments[1], models[model].name) == 0)
            report_model(model, n_argument > 2 ? arguments[2] : NULL);
    return 0;
}
