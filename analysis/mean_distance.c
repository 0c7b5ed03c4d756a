#include "mean_distance.h"

#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "decay.h"

/* A state decays from token j to query q by exp(A (S_q - S_j)), S_t = sum_{k <= t} Delta_k. The
 * first reading finds S_q and C_q, so that the second can weigh each token as it comes. For tokens
 * up to the first query the factor is exp(A (S_q - S_0)) exp(A (S_0 - S_j)): the first part is in
 * `readers`, so the exponentials are the same for all queries. Channels are worked on in packs of
 * `lanes`, padded with zeros, and tokens in runs. */
enum { lanes = 32, run_length = 64, max_workers = 64 };

struct layer {
    size_t n_query;  /* that the first reading has met */
    float *A;        /* [n_pack, d_state, lanes] */
    double *sums;    /* [n_channel] S at the current token */
    double *at;      /* [n_query, n_channel] S_q */
    float *C;        /* [n_query, n_group, d_state] */
    float *readers;  /* [n_pack, n_query, d_state, lanes] C_q exp(A (S_q - S_0)) */
    double *weights; /* [n_query, n_channel] sum_j |M[q, j]| */
    double *moments; /* [n_query, n_channel] sum_j (q - j) |M[q, j]| */
};

struct context {
    const struct scan_reading *reading;
    size_t n_layer, n_query, n_step, d_state, n_pack, n_channel; /* n_channel: padded */
    size_t n_group, group_packs; /* a pack's channels are of one group */
    size_t first_query;          /* its position in the text */
    struct layer *layers;
    size_t n_worker;
    struct worker *workers;
};

/* One thread, and its share of the packs. */
struct worker {
    const struct context *ctx;
    const struct scan_chunk *chunk;
    size_t pack, end;
    float *direct; /* [d_state, lanes] */
    float *found;  /* [n_query, lanes] */
    size_t *live;  /* [d_state] states that have not decayed to 0 */
    size_t n_live;
};

/* A pack of channels at one token. */
struct token {
    size_t position;
    const float *B;
    float delta[lanes], gap[lanes]; /* gap: S of the query less S of the token */
};

static bool make_layer(const struct context *ctx, struct layer *layer) {
    size_t Q = ctx->n_query, N = ctx->d_state, E = ctx->n_channel, n_state, n;
    if (__builtin_mul_overflow(N, E, &n_state) || __builtin_mul_overflow(Q, n_state, &n))
        return false;
    layer->A = calloc(n_state, sizeof *layer->A);
    layer->sums = calloc(E, sizeof *layer->sums);
    layer->at = calloc(Q * E, sizeof *layer->at);
    layer->C = calloc(Q * ctx->n_group * N, sizeof *layer->C);
    layer->readers = calloc(n, sizeof *layer->readers);
    layer->weights = calloc(Q * E, sizeof *layer->weights);
    layer->moments = calloc(Q * E, sizeof *layer->moments);
    return layer->A && layer->sums && layer->at && layer->C && layer->readers && layer->weights &&
           layer->moments;
}

static void free_context(struct context *ctx) {
    for (size_t l = 0; ctx->layers && l < ctx->n_layer; l++) {
        struct layer *layer = &ctx->layers[l];
        free(layer->A);
        free(layer->sums);
        free(layer->at);
        free(layer->C);
        free(layer->readers);
        free(layer->weights);
        free(layer->moments);
    }
    for (size_t w = 0; ctx->workers && w < ctx->n_worker; w++) {
        free(ctx->workers[w].direct);
        free(ctx->workers[w].found);
        free(ctx->workers[w].live);
    }
    free(ctx->layers);
    free(ctx->workers);
}

static bool make_worker(const struct context *ctx, struct worker *worker) {
    worker->ctx = ctx;
    worker->direct = calloc(ctx->d_state * lanes, sizeof *worker->direct);
    worker->found = calloc(ctx->n_query * lanes, sizeof *worker->found);
    worker->live = calloc(ctx->d_state, sizeof *worker->live);
    return worker->direct && worker->found && worker->live;
}

static bool make_context(struct context *ctx, const dm_model_info *info) {
    ctx->n_layer = info->n_layer;
    ctx->n_step = info->n_step;
    ctx->d_state = info->d_state;
    ctx->n_group = info->n_group ? info->n_group : 1;
    ctx->group_packs = (info->n_step / ctx->n_group + lanes - 1) / lanes;
    ctx->n_pack = ctx->n_group * ctx->group_packs;
    ctx->n_channel = ctx->n_pack * lanes;
    ctx->n_worker = info->n_thread < ctx->n_pack ? info->n_thread : ctx->n_pack;
    ctx->n_worker = ctx->n_worker < max_workers ? ctx->n_worker : max_workers;
    ctx->layers = calloc(ctx->n_layer, sizeof *ctx->layers);
    ctx->workers = calloc(ctx->n_worker, sizeof *ctx->workers);
    bool room = ctx->layers && ctx->workers;
    for (size_t l = 0; room && l < ctx->n_layer; l++)
        room = make_layer(ctx, &ctx->layers[l]);
    for (size_t w = 0; room && w < ctx->n_worker; w++)
        room = make_worker(ctx, &ctx->workers[w]);
    return room;
}

/* Where channel c is in the packs. */
static size_t padded(const struct context *ctx, size_t c) {
    size_t of_group = ctx->n_step / ctx->n_group;
    return c / of_group * ctx->group_packs * lanes + c % of_group;
}

/* ---- The first reading: the queries ---- */

static void take_A(const struct context *ctx, struct layer *layer, const dm_probe_view *view) {
    for (size_t c = 0; c < ctx->n_step; c++)
        for (size_t s = 0; s < ctx->d_state; s++) {
            size_t at = padded(ctx, c);
            layer->A[(at / lanes * ctx->d_state + s) * lanes + at % lanes] =
                view->A[s % view->A_rows * ctx->n_step + c];
        }
}

static void take_query(const struct context *ctx, struct layer *layer, const float *C) {
    size_t q = layer->n_query++, N = ctx->d_state, width = ctx->n_group * N;
    double *at = layer->at + q * ctx->n_channel;
    memcpy(at, layer->sums, ctx->n_channel * sizeof *at);
    memcpy(layer->C + q * width, C, width * sizeof *C);
    for (size_t p = 0; p < ctx->n_pack; p++)
        for (size_t s = 0; s < N; s++) {
            float of_group = C[p / ctx->group_packs * N + s];
            const float *A = layer->A + (p * N + s) * lanes;
            float *reader = layer->readers + ((p * ctx->n_query + q) * N + s) * lanes;
            for (size_t c = 0; c < lanes; c++)
                reader[c] =
                    of_group * decay(A[c] * (float)(at[p * lanes + c] - layer->at[p * lanes + c]));
        }
}

static void meet_queries(const struct scan_chunk *chunk, void *user) {
    struct context *ctx = user;
    const dm_probe_view *view = chunk->view;
    struct layer *layer = &ctx->layers[view->layer];
    if (view->first_position == 0)
        take_A(ctx, layer, view);
    for (size_t t = 0; t < view->n_token; t++) {
        for (size_t c = 0; c < ctx->n_step; c++)
            layer->sums[padded(ctx, c)] += (double)view->delta[t * ctx->n_step + c];
        if (chunk->positions[t] >= ctx->first_query && layer->n_query < ctx->n_query)
            take_query(ctx, layer, view->C + t * view->stride);
    }
}

/* ---- The second reading: what they find ---- */

/* found[q] = M[q, token] / delta for each of the queries, whose readers are
 * [n_query, d_state, lanes]. */
static void look_at(const struct worker *worker, const float *A, const float *readers,
                    size_t n_query, const struct token *token) {
    size_t N = worker->ctx->d_state;
    float *restrict found = worker->found;
    memset(found, 0, n_query * lanes * sizeof *found);
    for (size_t k = 0; k < worker->n_live; k++) {
        size_t s = worker->live[k];
        float faded[lanes];
        for (size_t c = 0; c < lanes; c++)
            faded[c] = decay(A[s * lanes + c] * token->gap[c]) * token->B[s];
        for (size_t q = 0; q < n_query; q++)
            for (size_t c = 0; c < lanes; c++)
                found[q * lanes + c] += readers[(q * N + s) * lanes + c] * faded[c];
    }
}

/* Adds what n_query queries, from number q on, have found. */
static void add_found(const struct worker *worker, struct layer *layer, size_t pack, size_t q,
                      size_t n_query, const struct token *token) {
    const struct context *ctx = worker->ctx;
    for (size_t i = 0; i < n_query; i++) {
        size_t at = (q + i) * ctx->n_channel + pack * lanes;
        double distance = (double)(ctx->first_query + q + i - token->position);
        double *restrict weights = layer->weights + at, *restrict moments = layer->moments + at;
        for (size_t c = 0; c < lanes; c++) {
            double entry = (double)fabsf(worker->found[i * lanes + c] * token->delta[c]);
            weights[c] += entry;
            moments[c] += entry * distance;
        }
    }
}

/* Lists the states that have not decayed to 0 in all channels of a pack, over the gap between S at
 * a query and at a token: all states where the token is past the query. */
static void find_live(struct worker *worker, const float *A, const double *at, const double *sums) {
    worker->n_live = 0;
    for (size_t s = 0; s < worker->ctx->d_state; s++) {
        bool gone = true;
        for (size_t c = 0; c < lanes; c++)
            gone &= A[s * lanes + c] * (float)(at[c] - sums[c]) <= decay_floor_log;
        if (!gone)
            worker->live[worker->n_live++] = s;
    }
}

/* One query and a token that comes after the first query. */
static void look_directly(struct worker *worker, struct layer *layer, size_t pack, size_t q,
                          struct token *token) {
    size_t N = worker->ctx->d_state;
    const double *sums = layer->sums + pack * lanes;
    const double *at = layer->at + q * worker->ctx->n_channel + pack * lanes;
    const float *A = layer->A + pack * N * lanes;
    for (size_t s = 0; s < N; s++)
        for (size_t c = 0; c < lanes; c++)
            worker->direct[s * lanes + c] =
                layer->C[(q * worker->ctx->n_group + pack / worker->ctx->group_packs) * N + s];
    for (size_t c = 0; c < lanes; c++)
        token->gap[c] = (float)(at[c] - sums[c]);
    find_live(worker, A, at, sums);
    look_at(worker, A, worker->direct, 1, token);
    add_found(worker, layer, pack, q, 1, token);
}

static void move_on(struct token *token, double *restrict sums, const double *restrict at) {
    for (size_t c = 0; c < lanes; c++) {
        sums[c] += (double)token->delta[c];
        token->gap[c] = (float)(at[c] - sums[c]);
    }
}

/* A pack of channels through tokens [t, end) of the chunk. */
static void look_over_run(struct worker *worker, size_t pack, size_t t, size_t end) {
    const struct context *ctx = worker->ctx;
    const struct scan_chunk *chunk = worker->chunk;
    const dm_probe_view *view = chunk->view;
    struct layer *layer = &ctx->layers[view->layer];
    size_t N = ctx->d_state, first = pack * lanes, group = pack / ctx->group_packs;
    size_t of_group = ctx->n_step / ctx->n_group, before = pack % ctx->group_packs * lanes;
    size_t n_lane = of_group - before < lanes ? of_group - before : lanes;
    const float *delta = view->delta + group * of_group + before;
    const float *A = layer->A + pack * N * lanes;
    const float *readers = layer->readers + pack * ctx->n_query * N * lanes;
    double *sums = layer->sums + first, last[lanes] = {0};
    memcpy(last, sums, sizeof last);
    for (size_t k = t; k < end; k++)
        for (size_t c = 0; c < n_lane; c++)
            last[c] += (double)delta[k * ctx->n_step + c];
    find_live(worker, A, layer->at + first, last);
    for (; t < end; t++) {
        struct token token = {.position = chunk->positions[t],
                              .B = view->B + t * view->stride + group * N};
        memcpy(token.delta, delta + t * ctx->n_step, n_lane * sizeof *token.delta);
        move_on(&token, sums, layer->at + first);
        if (token.position <= ctx->first_query) {
            look_at(worker, A, readers, ctx->n_query, &token);
            add_found(worker, layer, pack, 0, ctx->n_query, &token);
        } else {
            for (size_t q = token.position - ctx->first_query; q < ctx->n_query; q++)
                look_directly(worker, layer, pack, q, &token);
        }
    }
}

static void *look_over_packs(void *user) {
    struct worker *worker = user;
    size_t n_token = worker->chunk->view->n_token;
    for (size_t pack = worker->pack; pack < worker->end; pack++)
        for (size_t t = 0; t < n_token; t += run_length)
            look_over_run(worker, pack, t, t + run_length < n_token ? t + run_length : n_token);
    return NULL;
}

/* Each worker takes its share of the packs; this thread does the shares for which none could
 * start. */
static void look_back(const struct scan_chunk *chunk, void *user) {
    struct context *ctx = user;
    pthread_t threads[max_workers];
    bool started[max_workers] = {false};
    for (size_t w = 0; w < ctx->n_worker; w++) {
        struct worker *worker = &ctx->workers[w];
        worker->chunk = chunk;
        worker->pack = w * ctx->n_pack / ctx->n_worker;
        worker->end = (w + 1) * ctx->n_pack / ctx->n_worker;
        started[w] = w && !pthread_create(&threads[w], NULL, look_over_packs, worker);
    }
    for (size_t w = 0; w < ctx->n_worker; w++)
        if (started[w])
            pthread_join(threads[w], NULL);
        else
            look_over_packs(&ctx->workers[w]);
}

/* ---- Both ---- */

static void count_second(size_t n_read, void *user) {
    const struct scan_reading *reading = user;
    reading->progress(reading->n_id + n_read, reading->user);
}

static dm_status read_twice(struct context *ctx, dm_error *error) {
    const struct scan_reading *first = ctx->reading;
    struct scan_reading second = *first;
    if (first->progress) {
        second.progress = count_second;
        second.user = (void *)first;
    }
    dm_status status = scan_reading_run(first, meet_queries, ctx, error);
    for (size_t l = 0; l < ctx->n_layer; l++)
        memset(ctx->layers[l].sums, 0, ctx->n_channel * sizeof *ctx->layers[l].sums);
    return status ? status : scan_reading_run(&second, look_back, ctx, error);
}

static void take_means(const struct context *ctx, double *distance) {
    for (size_t l = 0; l < ctx->n_layer; l++)
        for (size_t c = 0; c < ctx->n_step; c++) {
            const struct layer *layer = &ctx->layers[l];
            double sum = 0;
            for (size_t q = 0; q < ctx->n_query; q++) {
                size_t at = q * ctx->n_channel + padded(ctx, c);
                sum += layer->weights[at] > 0 ? layer->moments[at] / layer->weights[at] : 0;
            }
            distance[l * ctx->n_step + c] = sum / (double)ctx->n_query;
        }
}

dm_status mean_distance(const struct scan_reading *reading, size_t n_query, double *distance,
                        dm_error *error) {
    struct context ctx = {
        .reading = reading, .n_query = n_query, .first_query = reading->n_id - n_query};
    dm_model_info info = DM_MODEL_INFO_INIT;
    dm_status status = dm_model_get_info(reading->model, &info, error);
    if (status)
        return status;
    status =
        make_context(&ctx, &info) ? read_twice(&ctx, error) : dm_fail_memory(error, "the analysis");
    if (!status)
        take_means(&ctx, distance);
    free_context(&ctx);
    return status;
}

size_t receptive_field_end(const double *lengths, const double *distances, size_t n) {
    size_t end = n - 1;
    for (; end > 0; end--) {
        double doublings = log2(lengths[end] / lengths[end - 1]);
        double growth = log2(distances[end] / distances[end - 1]);
        if (!(growth < log2(receptive_field_growth) * doublings))
            break;
    }
    return end;
}
