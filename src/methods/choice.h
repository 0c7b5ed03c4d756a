/* Which tokens a decimating layer keeps of a text, in sessions and in training alike: of those
 * before the tail as many as its budget has (dm_method_budget), and the tail. */
#ifndef DM_METHODS_CHOICE_H
#define DM_METHODS_CHOICE_H

#include <stddef.h>

#include "ops/real.h"

/* How many of a text's n tokens are its tail. */
static inline size_t dm_tail_of(size_t n, size_t keep_tail) {
    return keep_tail < n ? keep_tail : n;
}

/* Of n rows, whose last n_tail are the tail: the best `budget` before it (`score` [n - n_tail]; NULL:
 * the latest), and the tail, ascending, in `kept`. Returns how many. `scratch` [n]. */
size_t dm_choose_tokens(const dm_real *score, size_t n, size_t n_tail, size_t budget, size_t *kept,
                        size_t *scratch);

#endif
