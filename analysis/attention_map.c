#include "attention_map.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "decay.h"

/* Tokens are taken in blocks. From token j in a block with the last token e, to token i in a later
 * block with the first token f, a state decays by three factors,
 *     exp(A (S_i - S_f)) exp(A (S_f - S_e)) exp(A (S_e - S_j)),      S_t = sum_{k <= t} Delta_k
 * all at most 1: the first goes into C_i, the last into Delta_j B_j, and between two blocks M is a
 * product of two matrices with d_state inner columns. */
enum { block = 64, lanes = 16 };

struct context {
    const struct scan_inputs *inputs;
    size_t n_block;
    double *sums;   /* [n_channel, n_block * block]: S */
    float *sources; /* [n_channel, n_block, d_state, block]: the faded Delta_j B_j */
    float *readers; /* [block, d_state]: the faded C_i of the current rows */
    float *fades;   /* [block, d_state]: exp(A Delta_i) of these rows */
    float *scaled;  /* [block, d_state]: readers, faded to an earlier block */
    float *packed;  /* [d_state, block]: that block's sources, of the states that are left */
    float *rows;    /* [block, n_block * block]: the current rows */
};

static bool product(size_t a, size_t b, size_t *n) {
    return !__builtin_mul_overflow(a, b, n);
}

static void *array(size_t a, size_t b, size_t n_byte) {
    size_t n;
    return product(a, b, &n) ? calloc(n ? n : 1, n_byte) : NULL;
}

static size_t block_end(const struct scan_inputs *inputs, size_t b) {
    return (b + 1) * block < inputs->n_token ? (b + 1) * block : inputs->n_token;
}

static void add_up(const struct context *ctx, size_t c) {
    const struct scan_inputs *inputs = ctx->inputs;
    double sum = 0;
    for (size_t t = 0; t < inputs->n_token; t++) {
        sum += (double)inputs->delta[c * inputs->capacity + t];
        ctx->sums[c * ctx->n_block * block + t] = sum;
    }
}

static void fade_sources(const struct context *ctx, size_t c, size_t b) {
    const struct scan_inputs *inputs = ctx->inputs;
    const double *sums = ctx->sums + c * ctx->n_block * block;
    const float *delta = inputs->delta + c * inputs->capacity;
    size_t N = inputs->d_state, end = block_end(inputs, b);
    float *out = ctx->sources + (c * ctx->n_block + b) * N * block;
    for (size_t j = b * block; j < end; j++) {
        float gap = (float)(sums[end - 1] - sums[j]);
        const float *B = scan_inputs_row(inputs, inputs->B, j, c);
        for (size_t s = 0; s < N; s++)
            out[s * block + j % block] = decay(inputs->A[c * N + s] * gap) * delta[j] * B[s];
    }
}

static void free_context(struct context *ctx) {
    free(ctx->sums);
    free(ctx->sources);
    free(ctx->readers);
    free(ctx->fades);
    free(ctx->scaled);
    free(ctx->packed);
    free(ctx->rows);
}

static bool prepare(struct context *ctx, const struct scan_inputs *inputs) {
    size_t N = inputs->d_state, n_channel = inputs->n_channel, n_column;
    *ctx = (struct context){.inputs = inputs};
    ctx->n_block = (inputs->n_token + block - 1) / block;
    if (!product(ctx->n_block, block, &n_column) || !product(n_column, N, &(size_t){0}))
        return false;
    ctx->sums = array(n_channel, n_column, sizeof *ctx->sums);
    ctx->sources = array(n_channel, n_column * N, sizeof *ctx->sources);
    ctx->readers = array(block, N, sizeof *ctx->readers);
    ctx->fades = array(block, N, sizeof *ctx->fades);
    ctx->scaled = array(block, N, sizeof *ctx->scaled);
    ctx->packed = array(block, N, sizeof *ctx->packed);
    ctx->rows = array(block, n_column, sizeof *ctx->rows);
    if (!ctx->sums || !ctx->sources || !ctx->readers || !ctx->fades || !ctx->scaled ||
        !ctx->packed || !ctx->rows)
        return false;
    for (size_t c = 0; c < n_channel; c++) {
        add_up(ctx, c);
        for (size_t b = 0; b < ctx->n_block; b++)
            fade_sources(ctx, c, b);
    }
    return true;
}

/* Readers and fades of the rows of block b. */
static void fade_readers(const struct context *ctx, size_t c, size_t b) {
    const struct scan_inputs *inputs = ctx->inputs;
    const double *sums = ctx->sums + c * ctx->n_block * block;
    size_t N = inputs->d_state, first = b * block, end = block_end(inputs, b);
    for (size_t i = first; i < end; i++) {
        float gap = (float)(sums[i] - sums[first]), delta = inputs->delta[c * inputs->capacity + i];
        const float *C = scan_inputs_row(inputs, inputs->C, i, c);
        for (size_t s = 0; s < N; s++) {
            float A = inputs->A[c * N + s];
            ctx->readers[(i - first) * N + s] = C[s] * decay(A * gap);
            ctx->fades[(i - first) * N + s] = decay(A * delta);
        }
    }
}

/* Entries whose tokens are both in block b: each source decays step by step. */
static void add_diagonal(const struct context *ctx, size_t c, size_t b) {
    const struct scan_inputs *inputs = ctx->inputs;
    size_t N = inputs->d_state, first = b * block, end = block_end(inputs, b);
    float *carried = ctx->packed;
    for (size_t j = first; j < end; j++) {
        float delta = inputs->delta[c * inputs->capacity + j];
        const float *B = scan_inputs_row(inputs, inputs->B, j, c);
        for (size_t s = 0; s < N; s++)
            carried[s] = delta * B[s];
        for (size_t i = j; i < end; i++) {
            const float *C = scan_inputs_row(inputs, inputs->C, i, c),
                        *fade = ctx->fades + (i - first) * N;
            float sum = 0;
            for (size_t s = 0; s < N; s++) {
                carried[s] *= i > j ? fade[s] : 1;
                sum += C[s] * carried[s];
            }
            ctx->rows[(i - first) * ctx->n_block * block + j] += fabsf(sum);
        }
    }
}

/* Adds |reader . source| of the states to a row, for the tokens of a block. */
static void add_row(const float *restrict readers, const float *restrict sources, size_t n_state,
                    float *restrict row) {
    for (size_t j = 0; j < block; j += lanes) {
        float sums[lanes] = {0};
        for (size_t s = 0; s < n_state; s++)
            for (size_t k = 0; k < lanes; k++)
                sums[k] += readers[s] * sources[s * block + j + k];
        for (size_t k = 0; k < lanes; k++)
            row[j + k] += fabsf(sums[k]);
    }
}

/* Entries of the rows of block b and the tokens of an earlier block; false: all its states have
 * decayed, and so have those of the blocks before. */
static bool add_block(const struct context *ctx, size_t c, size_t b, size_t earlier) {
    const struct scan_inputs *inputs = ctx->inputs;
    const double *sums = ctx->sums + c * ctx->n_block * block;
    const float *sources = ctx->sources + (c * ctx->n_block + earlier) * inputs->d_state * block;
    size_t N = inputs->d_state, first = b * block, n_row = block_end(inputs, b) - first, n = 0;
    float gap = (float)(sums[first] - sums[(earlier + 1) * block - 1]);
    for (size_t s = 0; s < N; s++) {
        float fade = decay(inputs->A[c * N + s] * gap);
        if (fade == 0)
            continue;
        for (size_t i = 0; i < n_row; i++)
            ctx->scaled[i * N + n] = ctx->readers[i * N + s] * fade;
        memcpy(ctx->packed + n * block, sources + s * block, block * sizeof *sources);
        n++;
    }
    for (size_t i = 0; n && i < n_row; i++)
        add_row(ctx->scaled + i * N, ctx->packed, n,
                ctx->rows + i * ctx->n_block * block + earlier * block);
    return n > 0;
}

dm_status attention_map_rows(const struct scan_inputs *inputs, attention_visitor *visit, void *user,
                             dm_error *error) {
    struct context ctx;
    bool room = prepare(&ctx, inputs);
    for (size_t b = 0; room && b < ctx.n_block; b++) {
        size_t n_column = ctx.n_block * block, first = b * block, end = block_end(inputs, b);
        memset(ctx.rows, 0, block * n_column * sizeof *ctx.rows);
        for (size_t c = 0; c < inputs->n_channel; c++) {
            fade_readers(&ctx, c, b);
            add_diagonal(&ctx, c, b);
            for (size_t earlier = b; earlier-- && add_block(&ctx, c, b, earlier);)
                ;
        }
        for (size_t i = first; i < end; i++) {
            float *row = ctx.rows + (i - first) * n_column;
            for (size_t j = 0; j <= i; j++)
                row[j] /= (float)inputs->n_channel;
            visit(row, i, user);
        }
    }
    free_context(&ctx);
    return room ? DM_OK : dm_fail_memory(error, "the analysis");
}
