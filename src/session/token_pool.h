/* The tokens of a text that may yet be kept at a decimating layer, with what the layer needs of
 * each, in memory that does not grow with the text.
 *
 * Tokens are offered in order of position. The last `keep_tail` are always kept; of the others the
 * pool holds a superset of the `max` best: once it is full it falls back to them, and from then on
 * turns away whatever is worse than all of them. A token that is dropped is beaten by `max`
 * earlier offers for ever, so the choice at any later time is the choice over the whole text. */
#ifndef DM_SESSION_TOKEN_POOL_H
#define DM_SESSION_TOKEN_POOL_H

#include <stdbool.h>

#include "base/status.h"

enum { DM_POOL_MAX_PART = 8 };

struct dm_token_pool {
    /* settings */
    size_t max, keep_tail;
    bool scored;                            /* else the latest are kept */
    size_t n_part, width[DM_POOL_MAX_PART]; /* a token's row: parts side by side */
    size_t row_width, limit;                /* limit: of capacity */
    size_t token_bytes;                     /* that a token of capacity takes */

    size_t capacity, n; /* tokens held, by ascending position */
    size_t n_offered;
    size_t *position;         /* [capacity] */
    float *score;             /* [capacity] */
    float *rows;              /* [capacity, row_width] */
    size_t *chosen, *scratch; /* [capacity] */
    bool full;                /* the best `max` have been cut out: */
    float threshold;          /* what a later token must exceed */
};

/* A pool with no tokens: no memory yet. */
void dm_token_pool_init(struct dm_token_pool *pool, size_t max, size_t keep_tail, bool scored,
                        const size_t *width, size_t n_part);
void dm_token_pool_free(struct dm_token_pool *pool);
void dm_token_pool_clear(struct dm_token_pool *pool);
/* Makes room for `n_token` more offers; nothing else can fail. */
dm_status dm_token_pool_reserve(struct dm_token_pool *pool, size_t n_token, dm_error *error);
/* Makes room to hold `n_token` tokens in all. */
dm_status dm_token_pool_reserve_all(struct dm_token_pool *pool, size_t n_token, dm_error *error);
/* Holds what `from`, of the same settings, holds; reserved for that. */
void dm_token_pool_copy(struct dm_token_pool *pool, const struct dm_token_pool *from);
/* `score` [n_token] (NULL where not scored; NaN counts as the worst) and `parts`, arrays
 * [n_token, width[i]]. */
void dm_token_pool_offer(struct dm_token_pool *pool, const float *score, const float *const *parts,
                         size_t n_token);
/* The `budget` best (budget <= max) of the tokens before the tail, and the tail: slots by
 * ascending position, owned by the pool until the next call. */
const size_t *dm_token_pool_choose(struct dm_token_pool *pool, size_t budget, size_t *n_chosen);
/* Copies the parts of n slots into arrays [n, width[i]]. */
void dm_token_pool_gather(const struct dm_token_pool *pool, const size_t *slots, size_t n,
                          float *const *parts);
/* Bytes held. */
size_t dm_token_pool_memory(const struct dm_token_pool *pool);

#endif
