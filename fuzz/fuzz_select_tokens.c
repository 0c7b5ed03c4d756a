/* The k best of n scores. The input: two bytes that give k, one whose lowest bit says how scores
 * follow: as floats, or each a byte that picks one of a few (so that many are equal). */
#include "ops/select_tokens/select_tokens.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

static const float few[] = {0.0F,      -0.0F,      1.0F,     -1.0F,   INFINITY,
                            -INFINITY, (float)NAN, 1.0e-45F, 3.4e38F, 0.5F};
enum { n_few = sizeof few / sizeof *few, n_head = 3 };

static float *read_scores(const uint8_t *data, size_t size, bool floats, size_t *n) {
    *n = floats ? size / sizeof(float) : size;
    float *score = malloc(*n * sizeof *score + !*n);
    MUST(score);
    if (floats && *n)
        memcpy(score, data, *n * sizeof *score);
    for (size_t i = 0; !floats && i < *n; i++)
        score[i] = few[data[i] % n_few];
    return score;
}

/* Does token a go before token b? Larger first, NaN last, then the earlier. */
static bool better(const float *score, size_t a, size_t b) {
    if (isnan(score[a]) || isnan(score[b]))
        return isnan(score[a]) == isnan(score[b]) ? a < b : isnan(score[b]);
    return score[a] == score[b] ? a < b : score[a] > score[b];
}

/* `kept` ascends, and its worst is better than the best that was left. */
static void check(const float *score, size_t n, const size_t *kept, size_t k) {
    size_t worst = n, best_left = n, next = 0;
    for (size_t i = 0; i < n; i++) {
        bool is_kept = next < k && kept[next] == i;
        size_t *rival = is_kept ? &worst : &best_left;
        if (*rival == n || better(score, i, *rival) != is_kept)
            *rival = i;
        next += is_kept;
    }
    MUST(next == k); /* ascending, distinct and in range, or not all would have been met */
    MUST(worst == n || best_left == n || better(score, worst, best_left));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < n_head)
        return 0;
    size_t n;
    float *score = read_scores(data + n_head, size - n_head, data[2] & 1, &n);
    size_t k = (data[0] + 256U * data[1]) % (n + 1);
    size_t *kept = malloc(k * sizeof *kept + !k), *scratch = malloc(n * sizeof *scratch + !n);
    MUST(kept && scratch);
    dm_select_tokens(score, n, k, kept, scratch);
    check(score, n, kept, k);
    free(score);
    free(kept);
    free(scratch);
    return 0;
}
