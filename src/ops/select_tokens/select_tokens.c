#include "ops/select_tokens/select_tokens.h"

#include <stdbool.h>

/* Is token a to be kept before token b? A strict total order. */
static bool before(const float *score, size_t a, size_t b) {
    bool a_nan = score[a] != score[a], b_nan = score[b] != score[b];
    if (a_nan || b_nan)
        return a_nan == b_nan ? a < b : b_nan;
    return score[a] > score[b] || (score[a] == score[b] && a < b);
}

static void swap(size_t *a, size_t *b) {
    size_t t = *a;
    *a = *b;
    *b = t;
}

/* The median of three, moved to the middle of order[low .. high]. */
static size_t choose_pivot(const float *score, size_t *order, size_t low, size_t high) {
    size_t middle = low + (high - low) / 2;
    if (before(score, order[middle], order[low]))
        swap(&order[middle], &order[low]);
    if (before(score, order[high], order[low]))
        swap(&order[high], &order[low]);
    if (before(score, order[high], order[middle]))
        swap(&order[high], &order[middle]);
    return order[middle];
}

/* Hoare's quick-select: afterwards order[k - 1] is the k-th best, the better ones before it.
 * A run of unlucky pivots only costs time: text that sorts badly needs chosen scores. */
static void partition_best(const float *score, size_t *order, size_t n, size_t k) {
    size_t low = 0, high = n - 1;
    while (low < high) {
        size_t pivot = choose_pivot(score, order, low, high), i = low, j = high;
        for (;;) {
            while (before(score, order[i], pivot))
                i++;
            while (before(score, pivot, order[j]))
                j--;
            if (i >= j)
                break;
            swap(&order[i++], &order[j--]);
        }
        if (k - 1 <= j)
            high = j;
        else
            low = j + 1;
    }
}

void dm_select_tokens(const float *score, size_t n, size_t k, size_t *kept, size_t *scratch) {
    if (k == 0)
        return;
    for (size_t i = 0; i < n; i++)
        scratch[i] = i;
    partition_best(score, scratch, n, k);
    size_t last = scratch[k - 1], n_kept = 0;
    for (size_t i = 0; i < n && n_kept < k; i++)
        if (i == last || before(score, i, last))
            kept[n_kept++] = i;
}
