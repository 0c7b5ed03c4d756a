/* How much a token matters, by a row of it such as its step Delta:
 *     norm    sqrt(sum_c values[t,c]^2)   (official code: delta.norm(dim=channels))
 *     mean    sum_c values[t,c] / width   (the paper, section 4)
 * over all channels, or over those listed. */
#ifndef DM_OPS_TOKEN_SCORE_H
#define DM_OPS_TOKEN_SCORE_H

#include <stddef.h>
#include <stdint.h>

#include "ops/real.h"

struct dm_token_score {
    size_t width;
    int squared;              /* norm, else mean */
    const dm_real *values;    /* [n_token, width] */
    const uint32_t *channels; /* [n_channel], ascending; NULL: all */
    size_t n_channel;
    dm_real *score; /* [n_token] */
};

void dm_token_score_reference(const struct dm_token_score *op, size_t token, size_t n_token);

#endif
