/* Choosing the next token.
 *
 * The filters run in the order of transformers' generate: repetition penalty, temperature, top-k,
 * top-p, min-p. NaN logits and -infinity are never drawn. Equal logits: the lower id comes first.
 */
#ifndef DM_SESSION_SAMPLER_H
#define DM_SESSION_SAMPLER_H

#include <stdbool.h>

#include "base/random.h"
#include "base/status.h"

struct dm_candidate {
    double score;  /* logit after penalty and temperature, less the best one: <= 0 */
    double weight; /* exp(score): its probability, not normalised */
    int32_t id;
};

struct dm_sampler {
    dm_sampler_options options;
    struct dm_random random;
    struct dm_random accepted; /* as it stood at the last accept: that is what a file keeps */
    size_t vocab_size, n_candidate;
    struct dm_candidate *candidates; /* [vocab_size], the first n_candidate in use */
    bool *seen;                      /* [vocab_size], for the penalty */
};

/* `options` within their ranges, vocab_size >= 1. */
dm_status dm_sampler_init(struct dm_sampler *sampler, size_t vocab_size,
                          const dm_sampler_options *options, dm_error *error);
void dm_sampler_release(struct dm_sampler *sampler);
/* Starts the random numbers of `seed`. */
void dm_sampler_start(struct dm_sampler *sampler, uint64_t seed);

/* Leaves the tokens that may be drawn in `candidates`, with their weights. DM_ERROR_ARGUMENT when
 * no id below n_allowed has a logit that is a number above -infinity. Draws nothing. */
dm_status dm_sampler_filter(struct dm_sampler *sampler, const float *logits, size_t n_allowed,
                            dm_error *error);
/* Filters and draws; temperature 0 takes the best token and touches no random state. */
dm_status dm_sampler_choose(struct dm_sampler *sampler, const float *logits, size_t n_allowed,
                            int32_t *id, dm_error *error);

#endif
