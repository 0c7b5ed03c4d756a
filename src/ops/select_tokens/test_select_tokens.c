#include "ops/select_tokens/select_tokens.h"

#include <stdlib.h>

#include "ops/test_variants.h"

struct scored {
    float score;
    size_t index;
};

/* Best first: larger scores, then earlier ones, NaN last. */
static int compare(const void *left, const void *right) {
    const struct scored *a = left, *b = right;
    if (isnan(a->score) != isnan(b->score))
        return isnan(a->score) ? 1 : -1;
    if (!isnan(a->score) && a->score != b->score)
        return a->score > b->score ? -1 : 1;
    return a->index < b->index ? -1 : 1;
}

/* Against a full sort; nothing is written behind kept[k - 1] or scratch[n - 1]. */
static void check(const float *score, size_t n, size_t k) {
    struct scored *sorted = dm_memory_array(n, sizeof *sorted);
    size_t *kept = dm_memory_array(k + 1, sizeof *kept);
    size_t *scratch = dm_memory_array(n + 1, sizeof *scratch);
    unsigned char *best = dm_memory_zeroed(n, 1);
    for (size_t i = 0; i < n; i++)
        sorted[i] = (struct scored){score[i], i};
    qsort(sorted, n, sizeof *sorted, compare);
    for (size_t i = 0; i < k; i++)
        best[sorted[i].index] = 1;
    kept[k] = scratch[n] = SIZE_MAX;
    dm_select_tokens(score, n, k, kept, scratch);
    for (size_t i = 0, j = 0; i < n; i++)
        if (best[i])
            assert_int_equal(kept[j++], i);
    assert_true(kept[k] == SIZE_MAX && scratch[n] == SIZE_MAX);
    dm_memory_free(sorted);
    dm_memory_free(kept);
    dm_memory_free(scratch);
    dm_memory_free(best);
}

/* Random scores out of few values, so that most are ties, with NaN and infinities among them. */
static void test_random(void **state) {
    (void)state;
    static const float special[] = {NAN, INFINITY, -INFINITY, 0.0f, -0.0f, 0x1p-149f, -0x1p-149f};
    struct dm_random random;
    dm_random_seed(&random, 6);
    for (size_t round = 0; round < 3000; round++) {
        float score[80];
        size_t n = 1 + (size_t)dm_random_below(&random, 80);
        uint64_t n_value = 1 + dm_random_below(&random, 200);
        for (size_t i = 0; i < n; i++) {
            score[i] = ((float)dm_random_below(&random, n_value) - 20) * 0.37f;
            if (dm_random_below(&random, 8) == 0)
                score[i] = special[dm_random_below(&random, 7)];
        }
        check(score, n, (size_t)dm_random_below(&random, n + 1));
    }
}

static void test_edges(void **state) {
    (void)state;
    float same[70], nothing[70], one = 3, signs[] = {-0.0f, 0.0f, -0.0f};
    for (size_t i = 0; i < 70; i++)
        same[i] = 0.25f, nothing[i] = i % 2 ? NAN : -NAN;
    for (size_t k = 0; k <= 70; k++) {
        check(same, 70, k);
        check(nothing, 70, k);
    }
    check(&one, 1, 0);
    check(&one, 1, 1);
    check(signs, 3, 1);
    dm_select_tokens(NULL, 0, 0, NULL, NULL);
}

/* Orders that defeat a careless quick-select; quadratic time would show as minutes. */
static void test_sorted(void **state) {
    (void)state;
    enum { N = 100000 };
    float *score = dm_memory_array(N, sizeof *score);
    for (int order = 0; order < 4; order++) {
        for (size_t i = 0; i < N; i++)
            score[i] = order == 0   ? (float)i
                       : order == 1 ? -(float)i
                       : order == 2 ? (float)(i < N / 2 ? i : N - i)
                                    : (float)(i % 2);
        check(score, N, 1);
        check(score, N, N / 3);
        check(score, N, N - 1);
        check(score, N, N);
    }
    dm_memory_free(score);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_sorted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
