#include "session/token_pool.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "methods/choice.h"

/* Room beyond `max`, so that a pool is not cut at every other token: a quarter of it, which costs a
 * cut of every token's rows for each `max` / 4 tokens that the pool takes in, or at least so much. */
enum { min_slack = 256, slack_share = 4 };

static size_t add_saturating(size_t a, size_t b) {
    size_t sum;
    return dm_size_add(a, b, &sum) ? sum : SIZE_MAX;
}

void dm_token_pool_init(struct dm_token_pool *pool, size_t max, size_t keep_tail, bool scored,
                        const size_t *width, size_t n_part) {
    *pool = (struct dm_token_pool){
        .max = max, .keep_tail = keep_tail, .scored = scored, .n_part = n_part};
    for (size_t i = 0; i < n_part; i++) {
        pool->width[i] = width[i];
        pool->row_width += width[i];
    }
    pool->token_bytes = pool->row_width * sizeof *pool->rows + sizeof *pool->position +
                        sizeof *pool->score + sizeof *pool->chosen + sizeof *pool->scratch;
    size_t slack = max / slack_share > min_slack ? max / slack_share : min_slack;
    pool->limit = add_saturating(add_saturating(max, slack), keep_tail);
}

void dm_token_pool_free(struct dm_token_pool *pool) {
    dm_memory_free(pool->position);
    dm_memory_free(pool->score);
    dm_memory_free(pool->rows);
    dm_memory_free(pool->chosen);
    dm_memory_free(pool->scratch);
    pool->position = pool->chosen = pool->scratch = NULL;
    pool->score = pool->rows = NULL;
    pool->capacity = 0;
    dm_token_pool_clear(pool);
}

void dm_token_pool_clear(struct dm_token_pool *pool) {
    pool->n = pool->n_offered = 0;
    pool->full = false;
}

/* Grows every array; where one cannot, those before it are larger and hold what they held. */
static bool grow(struct dm_token_pool *pool, size_t capacity) {
    size_t row_bytes, n = pool->n;
    float *rows = NULL, *score;
    size_t *position, *chosen, *scratch;
    if (dm_size_mul(pool->row_width, sizeof *rows, &row_bytes))
        rows = dm_memory_resize(pool->rows, n, capacity, row_bytes);
    if (!rows)
        return false;
    pool->rows = rows;
    if (!(position = dm_memory_resize(pool->position, n, capacity, sizeof *position)))
        return false;
    pool->position = position;
    if (!(score = dm_memory_resize(pool->score, n, capacity, sizeof *score)))
        return false;
    pool->score = score;
    if (!(chosen = dm_memory_resize(pool->chosen, 0, capacity, sizeof *chosen)))
        return false;
    pool->chosen = chosen;
    if (!(scratch = dm_memory_resize(pool->scratch, 0, capacity, sizeof *scratch)))
        return false;
    pool->scratch = scratch;
    pool->capacity = capacity;
    return true;
}

dm_status dm_token_pool_reserve_all(struct dm_token_pool *pool, size_t n_token, dm_error *error) {
    size_t need = n_token < pool->limit ? n_token : pool->limit;
    if (need <= pool->capacity)
        return DM_OK;
    size_t larger = add_saturating(pool->capacity, pool->capacity / 2); /* not one by one */
    larger = larger < pool->limit ? larger : pool->limit;
    return grow(pool, need > larger ? need : larger)
               ? DM_OK
               : dm_fail_memory(error, "the tokens that may be kept");
}

dm_status dm_token_pool_reserve(struct dm_token_pool *pool, size_t n_token, dm_error *error) {
    return dm_token_pool_reserve_all(pool, add_saturating(pool->n, n_token), error);
}

void dm_token_pool_copy(struct dm_token_pool *pool, const struct dm_token_pool *from) {
    pool->n = from->n;
    pool->n_offered = from->n_offered;
    pool->full = from->full;
    pool->threshold = from->threshold;
    if (!from->n)
        return; /* neither may have memory yet */
    memcpy(pool->position, from->position, from->n * sizeof *pool->position);
    memcpy(pool->score, from->score, from->n * sizeof *pool->score);
    memcpy(pool->rows, from->rows, from->n * pool->row_width * sizeof *pool->rows);
}

/* Tokens held that are of the tail of the first n_offered ones. */
static size_t n_tail(const struct dm_token_pool *pool) {
    size_t n = 0, first = pool->n_offered - dm_tail_of(pool->n_offered, pool->keep_tail);
    while (n < pool->n && pool->position[pool->n - 1 - n] >= first)
        n++;
    return n;
}

const size_t *dm_token_pool_choose(struct dm_token_pool *pool, size_t budget, size_t *n_chosen) {
    *n_chosen = dm_choose_tokens(pool->scored ? pool->score : NULL, pool->n, n_tail(pool), budget,
                                 pool->chosen, pool->scratch);
    return pool->chosen;
}

static void move_slot(struct dm_token_pool *pool, size_t to, size_t from) {
    if (to == from)
        return;
    pool->position[to] = pool->position[from];
    pool->score[to] = pool->score[from];
    memcpy(pool->rows + to * pool->row_width, pool->rows + from * pool->row_width,
           pool->row_width * sizeof(float));
}

/* Falls back to the best `max` and the tail: a pool at its limit holds more than these. */
static void cut(struct dm_token_pool *pool) {
    size_t n;
    dm_token_pool_choose(pool, pool->max, &n);
    for (size_t i = 0; i < n; i++)
        move_slot(pool, i, pool->chosen[i]);
    pool->n = n;
    if (!pool->scored)
        return;
    pool->full = true;
    pool->threshold = INFINITY;
    for (size_t i = 0; i < pool->max; i++)
        if (pool->score[i] < pool->threshold)
            pool->threshold = pool->score[i];
}

static void store(struct dm_token_pool *pool, float score, const float *const *parts, size_t t) {
    float *row = pool->rows + pool->n * pool->row_width;
    for (size_t i = 0; i < pool->n_part; i++) {
        memcpy(row, parts[i] + t * pool->width[i], pool->width[i] * sizeof(float));
        row += pool->width[i];
    }
    pool->position[pool->n] = pool->n_offered;
    pool->score[pool->n] = score;
    pool->n++;
}

void dm_token_pool_offer(struct dm_token_pool *pool, const float *score, const float *const *parts,
                         size_t n_token) {
    /* where there is no pool, dm_session_push has returned before */
    /* cppcheck-suppress ctunullpointer */
    for (size_t t = 0; t < n_token; t++, pool->n_offered++) {
        float own = score && !isnan(score[t]) ? score[t] : -INFINITY;
        bool in_tail = n_token - t <= pool->keep_tail; /* of what is offered now, at least */
        if (pool->full && !in_tail && own <= pool->threshold)
            continue;
        if (pool->n == pool->limit)
            cut(pool);
        store(pool, own, parts, t);
    }
}

void dm_token_pool_gather(const struct dm_token_pool *pool, const size_t *slots, size_t n,
                          float *const *parts) {
    for (size_t t = 0; t < n; t++) {
        const float *row = pool->rows + slots[t] * pool->row_width;
        for (size_t i = 0; i < pool->n_part; i++) {
            memcpy(parts[i] + t * pool->width[i], row, pool->width[i] * sizeof(float));
            row += pool->width[i];
        }
    }
}

size_t dm_token_pool_memory(const struct dm_token_pool *pool) {
    return pool->capacity * pool->token_bytes;
}
