#include "ops/select_tokens/select_tokens.h"

#include "base/half.h"

/* An integer that sorts as the score does; equal scores (0 and -0 too) share one. */
static uint32_t rank_of(dm_real score) {
    if (score != score)
        return 0;
    uint32_t bits = dm_float_bits((float)score + 0.0f); /* -0 becomes 0 */
    return bits >> 31 ? ~bits : bits | 1u << 31;
}

/* The rank of the k-th best score, found digit by digit from the top: `candidates` [n] keeps the
 * indices that agree with the digits so far. `*n_equal` of the scores with that rank are to be
 * kept. */
static uint32_t find_threshold(const dm_real *score, size_t n, size_t k, size_t *candidates,
                               size_t *n_equal) {
    uint32_t threshold = 0;
    for (size_t i = 0; i < n; i++)
        candidates[i] = i;
    for (int shift = 24; shift >= 0; shift -= 8) {
        size_t count[256] = {0}, n_left = 0;
        uint32_t digit = 255;
        for (size_t i = 0; i < n; i++)
            count[rank_of(score[candidates[i]]) >> shift & 255]++;
        while (k > count[digit])
            k -= count[digit--];
        for (size_t i = 0; i < n; i++)
            if ((rank_of(score[candidates[i]]) >> shift & 255) == digit)
                candidates[n_left++] = candidates[i];
        threshold |= digit << shift;
        n = n_left;
    }
    *n_equal = k;
    return threshold;
}

void dm_select_tokens(const dm_real *score, size_t n, size_t k, size_t *kept, size_t *scratch) {
    if (k == 0)
        return;
    size_t n_equal, n_kept = 0;
    uint32_t threshold = find_threshold(score, n, k, scratch, &n_equal);
    for (size_t i = 0; i < n && n_kept < k; i++) {
        uint32_t rank = rank_of(score[i]);
        if (rank > threshold || (rank == threshold && n_equal > 0)) {
            n_equal -= rank == threshold;
            kept[n_kept++] = i;
        }
    }
}
