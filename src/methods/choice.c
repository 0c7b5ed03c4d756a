#include "methods/choice.h"

#include "ops/select_tokens/select_tokens.h"

size_t dm_choose_tokens(const dm_real *score, size_t n, size_t n_tail, size_t budget, size_t *kept,
                        size_t *scratch) {
    size_t n_candidate = n - n_tail, k = budget < n_candidate ? budget : n_candidate;
    if (score)
        dm_select_tokens(score, n_candidate, k, kept, scratch);
    else
        for (size_t i = 0; i < k; i++)
            kept[i] = n_candidate - k + i;
    for (size_t row = n_candidate; row < n; row++)
        kept[k++] = row;
    return k;
}
