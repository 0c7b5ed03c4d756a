/* The k best of n scores, in order of position. */
#ifndef DM_OPS_SELECT_TOKENS_H
#define DM_OPS_SELECT_TOKENS_H

#include <stddef.h>

#include "ops/real.h"

/* Writes into `kept` [k] the indices, ascending, of the k largest of score[0 .. n); of equal scores
 * the earlier is taken, and a NaN is below everything. k <= n. `scratch` holds n indices.
 * Time O(n), whatever the scores. Source: official torch.topk + sort, with ties defined. */
void dm_select_tokens(const dm_real *score, size_t n, size_t k, size_t *kept, size_t *scratch);

#endif
