/* Times each operation's variants on one thread at the shape of mamba-130m and prints a JSON line
 * for each: nanoseconds of processor time per token (the best of several runs), what that makes in elements and bytes
 * per second, and how many times faster than the reference it is.
 *
 *     ops_bench [OPERATION] */
#include <math.h>

#include "base/cpu_features.h"
#include "base/memory.h"
#include "base/random.h"
#include "bench.h"
#include "ops/ops.h"

enum { N_TOKEN = 512, D_MODEL = 768, D_INNER = 1536, D_STATE = 16, D_CONV = 4, BLOCK = 256 };
enum { HEADS = 24, HEAD_STATE = 128, XBC = D_INNER + 2 * HEAD_STATE }; /* of mamba2-130m */
enum { VOCAB = 50280, N_PARAMETER = 16384 }; /* parameters per token: more than a cache holds */

struct bench {
    const struct dm_ops *ops;
    float *u, *delta, *z, *y, *A, *BC, *vector, *weight, *score, *state;
    float *dx, *dweight, *dvector, *logits, *parameters; /* for the backward passes */
    float *dy, *ddelta, *dz, *dA, *dBC, *dstate, *checkpoints;
    float *xBC, *heads, *dxBC, *dheads, *parts, *head_state, *head_scale, *dhead_state,
        *head_checkpoints;
};

static const size_t start[] = {0, N_TOKEN};

static void run_rms_norm(const struct bench *b) {
    struct dm_rms_norm op = {.width = D_MODEL,
                             .stride = D_MODEL,
                             .epsilon = 1e-5f,
                             .x = b->u,
                             .weight = b->vector,
                             .y = b->y};
    b->ops->rms_norm(&op, 0, N_TOKEN);
}

static void run_softplus(const struct bench *b) {
    struct dm_softplus op = {D_INNER, b->vector, b->y};
    memcpy(b->y, b->z, N_TOKEN * D_INNER * sizeof *b->y); /* it works in place */
    b->ops->softplus(&op, 0, N_TOKEN);
}

static void run_token_score(const struct bench *b) {
    struct dm_token_score op = {
        .width = D_INNER, .squared = 1, .values = b->delta, .score = b->score};
    b->ops->token_score(&op, 0, N_TOKEN);
}

static void run_causal_conv1d(const struct bench *b) {
    struct dm_causal_conv1d op = {.n_sequence = 1,
                                  .d_inner = D_INNER,
                                  .d_conv = D_CONV,
                                  .start = start,
                                  .x = {b->u, 0, D_INNER},
                                  .weight = b->weight,
                                  .bias = b->vector,
                                  .conv_state = &b->state,
                                  .y = b->y};
    for (size_t c = 0; c < D_INNER; c += BLOCK)
        b->ops->causal_conv1d(&op, c, BLOCK);
}

static struct dm_selective_scan scan_of(const struct bench *b, float *checkpoints) {
    return (struct dm_selective_scan){.n_sequence = 1,
                                      .d_inner = D_INNER,
                                      .d_state = D_STATE,
                                      .start = start,
                                      .u = b->u,
                                      .delta = {b->delta, 0, D_INNER},
                                      .A = b->A,
                                      .BC = b->BC,
                                      .D = b->vector,
                                      .z = {b->z, 0, D_INNER},
                                      .ssm_state = &b->state,
                                      .y = b->y,
                                      .checkpoints = checkpoints};
}

static void run_selective_scan(const struct bench *b) {
    struct dm_selective_scan op = scan_of(b, NULL);
    for (size_t c = 0; c < D_INNER; c += BLOCK)
        b->ops->selective_scan(&op, c, BLOCK);
}

static struct dm_head_scan head_scan_of(const struct bench *b, float *checkpoints) {
    return (struct dm_head_scan){.n_sequence = 1,
                                 .n_head = HEADS,
                                 .head_dim = D_INNER / HEADS,
                                 .d_state = HEAD_STATE,
                                 .n_group = 1,
                                 .start = start,
                                 .xBC = b->xBC,
                                 .delta = b->heads,
                                 .A = b->A,
                                 .D = b->vector,
                                 .ssm_state = &b->head_state,
                                 .scale = &b->head_scale,
                                 .y = b->y,
                                 .checkpoints = checkpoints};
}

static void run_head_scan(const struct bench *b) {
    struct dm_head_scan op = head_scan_of(b, NULL);
    b->ops->head_scan(&op, 0, HEADS);
}

static void run_head_scan_backward(const struct bench *b) {
    struct dm_head_scan op = head_scan_of(b, b->head_checkpoints);
    struct dm_head_scan_grad grad = {.dy = b->dy,
                                     .dxBC = b->dxBC,
                                     .ddelta = b->dheads,
                                     .dA = b->dA,
                                     .dD = b->dvector,
                                     .dBC_parts = b->parts,
                                     .dssm_state = &b->dhead_state};
    b->ops->head_scan_backward(&op, &grad, 0, HEADS);
}

static void run_gated_norm(const struct bench *b) {
    struct dm_gated_norm op = {.width = D_INNER,
                               .n_group = 1,
                               .epsilon = 1e-5f,
                               .x = b->u,
                               .z = b->z,
                               .x_step = D_INNER,
                               .z_step = D_INNER,
                               .y_step = D_INNER,
                               .weight = b->vector,
                               .y = b->y};
    b->ops->gated_norm(&op, 0, N_TOKEN);
}

static void run_rms_norm_backward(const struct bench *b) {
    struct dm_rms_norm op = {
        .width = D_MODEL, .stride = D_MODEL, .epsilon = 1e-5f, .x = b->u, .weight = b->vector};
    struct dm_rms_norm_grad grad = {b->z, b->dx, b->score, b->dvector};
    b->ops->rms_norm_backward(&op, &grad, 0, N_TOKEN);
    b->ops->rms_norm_weight_backward(&op, &grad, N_TOKEN, 0, D_MODEL);
}

static void run_softplus_backward(const struct bench *b) {
    struct dm_softplus op = {D_INNER, b->vector, b->delta};
    struct dm_softplus_grad grad = {b->y, b->dvector};
    memcpy(b->y, b->z, N_TOKEN * D_INNER * sizeof *b->y);
    for (size_t c = 0; c < D_INNER; c += BLOCK)
        b->ops->softplus_backward(&op, &grad, N_TOKEN, c, BLOCK);
}

static void run_causal_conv1d_backward(const struct bench *b) {
    struct dm_causal_conv1d op = {.n_sequence = 1,
                                  .d_inner = D_INNER,
                                  .d_conv = D_CONV,
                                  .start = start,
                                  .x = {b->u, 0, D_INNER},
                                  .weight = b->weight,
                                  .bias = b->vector,
                                  .conv_state = &b->state};
    struct dm_causal_conv1d_grad grad = {
        .dy = b->z, .dx = b->dx, .dweight = b->dweight, .dbias = b->dvector};
    for (size_t c = 0; c < D_INNER; c += BLOCK)
        b->ops->causal_conv1d_backward(&op, &grad, c, BLOCK);
}

/* The forward pass when training. */
static void run_selective_scan_kept(const struct bench *b) {
    struct dm_selective_scan op = scan_of(b, b->checkpoints);
    for (size_t c = 0; c < D_INNER; c += BLOCK)
        b->ops->selective_scan(&op, c, BLOCK);
}

static void run_selective_scan_backward(const struct bench *b) {
    struct dm_selective_scan op = scan_of(b, b->checkpoints);
    struct dm_selective_scan_grad grad = {.dy = b->dy,
                                          .du = b->dx,
                                          .ddelta = b->ddelta,
                                          .dz = b->dz,
                                          .y = b->y,
                                          .dA = b->dA,
                                          .dD = b->dvector,
                                          .dBC_parts = b->dBC,
                                          .dssm_state = &b->dstate};
    for (size_t c = 0; c < D_INNER; c += BLOCK)
        b->ops->selective_scan_backward(&op, &grad, c, BLOCK);
}

static void run_cross_entropy_backward(const struct bench *b) {
    for (size_t t = 0; t < N_TOKEN; t++)
        b->ops->cross_entropy_backward(b->logits, VOCAB, 7, 1);
}

static void run_adamw(const struct bench *b) {
    size_t n = (size_t)N_TOKEN * N_PARAMETER;
    float *p = b->parameters;
    struct dm_adamw op = {1e-4, .9, .999, 1e-8, .1, 1, 10, p, p + n, p + 2 * n, p + 3 * n};
    b->ops->adamw(&op, 0, n);
}

static void run_square_sum(const struct bench *b) {
    b->score[0] = (float)b->ops->square_sum(b->parameters, (size_t)N_TOKEN * N_PARAMETER);
}

static const struct {
    const char *name;
    void (*run)(const struct bench *b);
    size_t n_element, n_float; /* per token: what is computed, what is read and written */
} benches[] = {
    {"rms_norm", run_rms_norm, D_MODEL, 2 * D_MODEL},
    {"softplus", run_softplus, D_INNER, 2 * D_INNER},
    {"token_score", run_token_score, D_INNER, D_INNER},
    {"causal_conv1d", run_causal_conv1d, D_INNER, 2 * D_INNER},
    {"selective_scan", run_selective_scan, D_INNER *D_STATE, 4 * D_INNER + 2 * D_STATE},
    {"head_scan", run_head_scan, D_INNER *HEAD_STATE, XBC + D_INNER},
    {"head_scan_backward", run_head_scan_backward, D_INNER *HEAD_STATE, 2 * XBC + D_INNER},
    {"gated_norm", run_gated_norm, D_INNER, 3 * D_INNER},
    {"rms_norm_backward", run_rms_norm_backward, D_MODEL, 6 * D_MODEL},
    {"softplus_backward", run_softplus_backward, D_INNER, 5 * D_INNER},
    {"causal_conv1d_backward", run_causal_conv1d_backward, D_INNER, 3 * D_INNER},
    {"selective_scan_kept", run_selective_scan_kept, D_INNER *D_STATE, 5 * D_INNER + 2 * D_STATE},
    {"selective_scan_backward", run_selective_scan_backward, D_INNER *D_STATE,
     9 * D_INNER + 2 * D_STATE},
    {"cross_entropy_backward", run_cross_entropy_backward, VOCAB, 2 * VOCAB},
    {"adamw", run_adamw, N_PARAMETER, 7 * N_PARAMETER},
    {"square_sum", run_square_sum, N_PARAMETER, N_PARAMETER},
};

/* Of this thread: others may use the processor too. */
static double processor_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* The best of the runs that half a second has room for, three at least. */
static double measure(const struct bench *b, void (*run)(const struct bench *b)) {
    double best = INFINITY, end = seconds() + 0.5;
    for (size_t i = 0; i < 3 || seconds() < end; i++) {
        double begin = processor_seconds();
        run(b);
        double took = processor_seconds() - begin;
        best = took < best ? took : best;
    }
    return best;
}

static float *random_floats(struct dm_random *random, size_t n, double mean, double deviation) {
    float *p = dm_memory_array(n, sizeof *p);
    if (!p) {
        fputs("ops_bench: out of memory\n", stderr);
        exit(1);
    }
    for (size_t i = 0; i < n; i++)
        p[i] = (float)(mean + deviation * dm_random_normal(random));
    return p;
}

static void bench_new(struct bench *b) {
    struct dm_random random;
    dm_random_seed(&random, 1);
    b->u = random_floats(&random, N_TOKEN * D_INNER, 0, 1);
    b->delta = random_floats(&random, N_TOKEN * D_INNER, .05, .01);
    b->z = random_floats(&random, N_TOKEN * D_INNER, 0, 2);
    b->y = random_floats(&random, N_TOKEN * D_INNER, 0, 1);
    b->A = random_floats(&random, D_STATE * D_INNER, -8, 2);
    b->BC = random_floats(&random, N_TOKEN * 2 * D_STATE, 0, 1);
    b->vector = random_floats(&random, D_INNER, 0, 1);
    b->weight = random_floats(&random, D_CONV * D_INNER, 0, 1);
    b->score = random_floats(&random, N_TOKEN, 0, 1);
    b->state = random_floats(&random, D_STATE * D_INNER, 0, 1);
    b->dx = random_floats(&random, N_TOKEN * D_INNER, 0, 1);
    b->dweight = random_floats(&random, D_CONV * D_INNER, 0, 1);
    b->dvector = random_floats(&random, D_INNER, 0, 1);
    b->logits = random_floats(&random, VOCAB, 0, 3);
    b->dy = random_floats(&random, N_TOKEN * D_INNER, 0, 1);
    b->ddelta = random_floats(&random, N_TOKEN * D_INNER, 0, 1);
    b->dz = random_floats(&random, N_TOKEN * D_INNER, 0, 1);
    b->dA = random_floats(&random, D_STATE * D_INNER, 0, 1);
    b->dBC = random_floats(&random, D_INNER / DM_SCAN_BLOCK * N_TOKEN * 2 * D_STATE, 0, 1);
    b->dstate = random_floats(&random, D_STATE * D_INNER, 0, 1);
    b->checkpoints =
        random_floats(&random, dm_scan_n_checkpoint(N_TOKEN, 1) * D_STATE * D_INNER, 0, 1);
    b->xBC = random_floats(&random, N_TOKEN * XBC, 0, 1);
    b->heads = random_floats(&random, N_TOKEN * HEADS, .05, .01);
    b->dxBC = random_floats(&random, N_TOKEN * XBC, 0, 1);
    b->dheads = random_floats(&random, N_TOKEN * HEADS, 0, 1);
    b->parts = random_floats(&random, (size_t)N_TOKEN * HEADS * 2 * HEAD_STATE, 0, 1);
    b->head_state = random_floats(&random, HEAD_STATE * D_INNER, 0, 1);
    b->head_scale = random_floats(&random, HEADS, 1, 0);
    b->dhead_state = random_floats(&random, HEAD_STATE * D_INNER, 0, 1);
    b->head_checkpoints =
        random_floats(&random, dm_head_scan_n_checkpoint(N_TOKEN, 1) * HEAD_STATE * D_INNER, 0, 1);
    b->parameters = random_floats(&random, (size_t)4 * N_TOKEN * N_PARAMETER, 10, 1);
}

static void bench_free(struct bench *b) {
    float *all[] = {b->u,
                    b->delta,
                    b->z,
                    b->y,
                    b->A,
                    b->BC,
                    b->vector,
                    b->weight,
                    b->score,
                    b->state,
                    b->dx,
                    b->dweight,
                    b->dvector,
                    b->logits,
                    b->parameters,
                    b->dy,
                    b->ddelta,
                    b->dz,
                    b->dA,
                    b->dBC,
                    b->dstate,
                    b->checkpoints,
                    b->xBC,
                    b->heads,
                    b->dxBC,
                    b->dheads,
                    b->parts,
                    b->head_state,
                    b->head_scale,
                    b->dhead_state,
                    b->head_checkpoints};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        dm_memory_free(all[i]);
}

int main(int n_argument, char **arguments) {
    struct dm_ops variants[3];
    size_t n_variant = 1;
    for (size_t v = 0; v < 3; v++)
        dm_reference_ops(&variants[v]);
#if defined(__x86_64__)
    if (dm_cpu_features() & DM_CPU_AVX2)
        dm_ops_avx2(&variants[n_variant++]);
    if (dm_cpu_features() & DM_CPU_AVX512)
        dm_ops_avx512(&variants[n_variant++]);
#endif
    struct bench b;
    bench_new(&b);
    for (size_t i = 0; i < sizeof benches / sizeof *benches; i++) {
        double reference = 0;
        if (n_argument > 1 && strcmp(arguments[1], benches[i].name) != 0)
            continue;
        for (size_t v = 0; v < n_variant; v++) {
            b.ops = &variants[v];
            double ns = measure(&b, benches[i].run) * 1e9 / N_TOKEN;
            reference = v == 0 ? ns : reference;
            printf("{\"op\": \"%s\", \"variant\": \"%s\", \"ns_per_token\": %.1f, "
                   "\"elements_per_ns\": %.3f, \"gb_per_s\": %.2f, \"speedup\": %.1f}\n",
                   benches[i].name, variants[v].cpu, ns, (double)benches[i].n_element / ns,
                   (double)benches[i].n_float * sizeof(float) / ns, reference / ns);
        }
    }
    bench_free(&b);
    return 0;
}
