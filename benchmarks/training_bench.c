/* Training, beside what its matrix products alone take in the same run: the table of operations is
 * wrapped in timers. Prints one JSON line.
 *
 *     training_bench MODEL SEQUENCES LENGTH [DECIMATING_LAYER BASE_LENGTH]
 *
 * Options from the environment: DM_THREADS, DM_DTYPE (f32 or bf16), DM_CPU, DM_REPEATS,
 * DM_RECOMPUTE (0 or 1). */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/half.h"
#include "base/random.h"
#include "bench.h"
#include "training/trainer.h"

/* ---- Timers ---- */

enum timer {
    FORWARD_PRODUCTS,
    WEIGHT_GRADIENTS,
    SCAN,
    SCAN_BACK,
    CONVOLUTION,
    CONVOLUTION_BACK,
    NORM,
    NORM_BACK,
    SOFTPLUS,
    SOFTPLUS_BACK,
    LOSS,
    OPTIMIZER,
    PACKING,
    N_TIMER
};
static const char *const timer_names[N_TIMER] = {
    "products", "weight_gradients", "scan",     "scan_backward", "convolution", "convolution_back",
    "norm",     "norm_back",        "softplus", "softplus_back", "loss",        "optimizer",
    "packing"};
static atomic_llong nanoseconds[N_TIMER]; /* over all threads */
static struct dm_ops plain;

/* Runs `call`, and adds its time to a timer; `share`: threads that it keeps busy. */
#define TIMED(timer, share, call)                                                                \
    do {                                                                                         \
        double begin = seconds();                                                                \
        call;                                                                                    \
        atomic_fetch_add(&nanoseconds[timer], (long long)(1e9 * (share) * (seconds() - begin))); \
    } while (0)

static double n_thread;

static dm_status multiply(const struct dm_matmul *ops, size_t n, struct dm_threads *threads,
                          dm_error *error) {
    dm_status status;
    TIMED(FORWARD_PRODUCTS, n_thread, status = plain.matmul.multiply(ops, n, threads, error));
    return status;
}
static dm_status weight_gradient(void *state, const struct dm_matmul_grad *op,
                                 struct dm_threads *threads, dm_error *error) {
    dm_status status;
    TIMED(WEIGHT_GRADIENTS, n_thread,
          status = plain.matmul.weight_gradient(state, op, threads, error));
    return status;
}
static dm_status matrix_set(struct dm_matrix *matrix, const struct dm_matrix_source *source,
                            dm_error *error) {
    dm_status status;
    TIMED(PACKING, 1, status = plain.matmul.matrix_set(matrix, source, error));
    return status;
}
static void scan(const struct dm_selective_scan *op, size_t first, size_t n) {
    TIMED(SCAN, 1, plain.selective_scan(op, first, n));
}
static void scan_back(const struct dm_selective_scan *op, const struct dm_selective_scan_grad *grad,
                      size_t first, size_t n) {
    TIMED(SCAN_BACK, 1, plain.selective_scan_backward(op, grad, first, n));
}
static void convolution(const struct dm_causal_conv1d *op, size_t first, size_t n) {
    TIMED(CONVOLUTION, 1, plain.causal_conv1d(op, first, n));
}
static void convolution_back(const struct dm_causal_conv1d *op,
                             const struct dm_causal_conv1d_grad *grad, size_t first, size_t n) {
    TIMED(CONVOLUTION_BACK, 1, plain.causal_conv1d_backward(op, grad, first, n));
}
static void norm(const struct dm_rms_norm *op, size_t first, size_t n) {
    TIMED(NORM, 1, plain.rms_norm(op, first, n));
}
static void norm_back(const struct dm_rms_norm *op, const struct dm_rms_norm_grad *grad,
                      size_t first, size_t n) {
    TIMED(NORM_BACK, 1, plain.rms_norm_backward(op, grad, first, n));
}
static void norm_weight_back(const struct dm_rms_norm *op, const struct dm_rms_norm_grad *grad,
                             size_t n_token, size_t first, size_t n) {
    TIMED(NORM_BACK, 1, plain.rms_norm_weight_backward(op, grad, n_token, first, n));
}
static void softplus(const struct dm_softplus *op, size_t first, size_t n) {
    TIMED(SOFTPLUS, 1, plain.softplus(op, first, n));
}
static void softplus_back(const struct dm_softplus *op, const struct dm_softplus_grad *grad,
                          size_t n_token, size_t first, size_t n) {
    TIMED(SOFTPLUS_BACK, 1, plain.softplus_backward(op, grad, n_token, first, n));
}
static double loss(dm_real *logits, size_t vocab_size, int32_t id, dm_real scale) {
    double nll;
    TIMED(LOSS, 1, nll = plain.cross_entropy_backward(logits, vocab_size, id, scale));
    return nll;
}
static void adamw(const struct dm_adamw *op, size_t first, size_t n) {
    TIMED(OPTIMIZER, 1, plain.adamw(op, first, n));
}
static double square_sum(const dm_real *x, size_t n) {
    double sum;
    TIMED(OPTIMIZER, 1, sum = plain.square_sum(x, n));
    return sum;
}

static void wrap(struct dm_ops *ops) {
    ops->matmul.multiply = multiply;
    ops->matmul.weight_gradient = weight_gradient;
    ops->matmul.matrix_set = matrix_set;
    ops->selective_scan = scan;
    ops->selective_scan_backward = scan_back;
    ops->causal_conv1d = convolution;
    ops->causal_conv1d_backward = convolution_back;
    ops->rms_norm = norm;
    ops->rms_norm_backward = norm_back;
    ops->rms_norm_weight_backward = norm_weight_back;
    ops->softplus = softplus;
    ops->softplus_backward = softplus_back;
    ops->cross_entropy_backward = loss;
    ops->adamw = adamw;
    ops->square_sum = square_sum;
}

/* ---- The run ---- */

struct run {
    dm_training_batch batch;
    size_t n_token;
    size_t *start;
    int32_t *ids;
};

static void fill(struct run *run, size_t n_sequence, size_t length, size_t vocab_size) {
    struct dm_random random;
    dm_random_seed(&random, 1);
    run->n_token = n_sequence * length;
    run->start = malloc((n_sequence + 1) * sizeof *run->start);
    run->ids = malloc(run->n_token * sizeof *run->ids);
    if (!run->start || !run->ids)
        exit(1);
    for (size_t s = 0; s <= n_sequence; s++)
        run->start[s] = s * length;
    for (size_t t = 0; t < run->n_token; t++)
        run->ids[t] = (int32_t)dm_random_below(&random, vocab_size);
    run->batch = (dm_training_batch)DM_TRAINING_BATCH_INIT;
    run->batch.n_sequence = n_sequence, run->batch.start = run->start, run->batch.ids = run->ids;
}

static double take_step(dm_trainer *trainer, const struct run *run) {
    dm_error error;
    double begin = seconds();
    check(dm_trainer_accumulate(trainer, &run->batch, NULL, &error), &error);
    check(dm_trainer_step(trainer, NULL, &error), &error);
    return seconds() - begin;
}

static void report(const dm_trainer *trainer, const struct run *run, double time, size_t n_step) {
    dm_model_info info = DM_MODEL_INFO_INIT;
    dm_error error;
    check(dm_trainer_get_info(trainer, &info, &error), &error);
    double thread_time = time * n_thread * (double)n_step, products, named = 0;
    printf("{\"tokens\": %zu, \"sequences\": %zu, \"dtype\": \"%s\", \"recompute\": %d, "
           "\"threads\": %g, \"tokens_per_second\": %.1f",
           run->n_token, run->batch.n_sequence, dm_dtype_name(info.compute_dtype),
           trainer->pass.recompute, n_thread, (double)run->n_token / time);
    products = 1e-9 * (double)(nanoseconds[FORWARD_PRODUCTS] + nanoseconds[WEIGHT_GRADIENTS]);
    printf(", \"time_over_products\": %.2f", thread_time / products);
    for (int i = 0; i < N_TIMER; i++) {
        named += 1e-9 * (double)nanoseconds[i];
        printf(", \"%s\": %.3f", timer_names[i], 1e-9 * (double)nanoseconds[i] / thread_time);
    }
    printf(", \"rest\": %.3f, \"weights_mb\": %.0f, \"packed_mb\": %.0f, \"activations_mb\": %.0f, "
           "\"peak_mb\": %.0f}\n",
           1 - named / thread_time, (double)info.weight_bytes / 1e6,
           (double)info.packed_bytes / 1e6, (double)info.workspace_bytes / 1e6, peak_megabytes());
}

int main(int n_argument, char **arguments) {
    if (n_argument != 4 && n_argument != 6) {
        fprintf(stderr, "usage: training_bench MODEL SEQUENCES LENGTH [LAYER BASE_LENGTH]\n");
        return 1;
    }
    dm_trainer_options options = DM_TRAINER_OPTIONS_INIT;
    dm_method_options method = DM_METHOD_OPTIONS_INIT;
    dm_model_info info = DM_MODEL_INFO_INIT;
    dm_trainer *trainer;
    dm_error error;
    struct run run;
    size_t layer = n_argument == 6 ? strtoul(arguments[4], NULL, 10) : 0;
    const char *dtype = getenv("DM_DTYPE");
    if (n_argument == 6) {
        method.kind = DM_METHOD_DECIMATE, method.layers = &layer, method.n_layer = 1;
        method.base_length = strtoul(arguments[5], NULL, 10);
        options.method = &method;
    }
    options.n_thread = setting("DM_THREADS", 0);
    options.cpu = getenv("DM_CPU");
    options.recompute = setting("DM_RECOMPUTE", 0) != 0;
    options.dtype = dtype ? dtype_named(dtype) : DM_DTYPE_F32;
    check(dm_trainer_new(arguments[1], &options, &trainer, &error), &error);
    check(dm_trainer_get_info(trainer, &info, &error), &error);
    n_thread = (double)info.n_thread;
    fill(&run, strtoul(arguments[2], NULL, 10), strtoul(arguments[3], NULL, 10), info.vocab_size);
    take_step(trainer, &run); /* memory is there, kernels are made */
    plain = trainer->ops;
    wrap(&trainer->ops);
    wrap(&trainer->trained.network.ops);
    size_t n_step = setting("DM_REPEATS", 5);
    double total = 0;
    for (size_t i = 0; i < n_step; i++)
        total += take_step(trainer, &run);
    report(trainer, &run, total / (double)n_step, n_step);
    dm_trainer_free(trainer);
    free(run.start);
    free(run.ids);
    return 0;
}
