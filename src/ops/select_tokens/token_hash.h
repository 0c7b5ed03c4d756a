/* A pseudo-random score by position alone: the baseline of keeping random tokens. */
#ifndef DM_OPS_TOKEN_HASH_H
#define DM_OPS_TOKEN_HASH_H

#include <stddef.h>

#include "ops/real.h"

/* score[t] in [0, 1): the upper 24 bits of splitmix64's draw number first_position + t from seed 0,
 * for t in [0, n_token). Source: Steele, Lea & Flood 2014. */
void dm_token_hash(size_t first_position, size_t n_token, dm_real *score);

#endif
