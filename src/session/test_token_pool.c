#include "test_support.h"

#include <math.h>

#include "base/memory.h"
#include "base/random.h"
#include "session/token_pool.h"

enum { n_case = 120, longest = 3000 };

static const size_t width[] = {3, 1};

/* The naive pool: everything, for ever. */
struct list {
    size_t n;
    float score[longest];
    float rows[2][longest * 3];
};

/* Marks the best k of the first n_free, by looking again and again. */
static void choose_slowly(const struct list *list, bool scored, size_t n_free, size_t k,
                          bool *kept) {
    for (size_t t = 0; t < list->n; t++)
        kept[t] = t >= n_free || (!scored && t >= n_free - k);
    for (; scored && k > 0; k--) {
        size_t best = longest;
        for (size_t t = 0; t < n_free; t++)
            if (!kept[t] &&
                (best == longest || (isnan(list->score[best]) && !isnan(list->score[t])) ||
                 list->score[t] > list->score[best]))
                best = t;
        kept[best] = true;
    }
}

static void check_choice(struct dm_token_pool *pool, const struct list *list, size_t budget) {
    static bool kept[longest];
    size_t tail = pool->keep_tail, n_free = list->n > tail ? list->n - tail : 0, n_chosen, at = 0;
    size_t k = budget < n_free ? budget : n_free;
    choose_slowly(list, pool->scored, n_free, k, kept);
    const size_t *slots = dm_token_pool_choose(pool, k, &n_chosen);
    assert_int_equal(n_chosen, k + list->n - n_free);
    for (size_t t = 0; t < list->n; t++) {
        if (!kept[t])
            continue;
        float first[3], second[1], *const parts[] = {first, second};
        assert_int_equal(pool->position[slots[at]], t);
        dm_token_pool_gather(pool, slots + at, 1, parts);
        assert_memory_equal(first, list->rows[0] + t * 3, sizeof first);
        assert_memory_equal(second, list->rows[1] + t, sizeof second);
        at++;
    }
    assert_int_equal(at, n_chosen);
}

static float draw_score(struct dm_random *random, int kind) {
    if (dm_random_below(random, 20) == 0)
        return NAN;
    return kind == 0   ? (float)dm_random_normal(random)
           : kind == 1 ? (float)dm_random_below(random, 4) /* ties */
                       : 1;
}

/* Offers n tokens more, to both. */
static void offer(struct dm_random *random, struct dm_token_pool *pool, struct list *list, size_t n,
                  int kind) {
    const float *parts[] = {list->rows[0] + list->n * 3, list->rows[1] + list->n};
    for (size_t t = list->n; t < list->n + n; t++) {
        list->score[t] = draw_score(random, kind);
        list->rows[1][t] = (float)t;
        for (size_t i = 0; i < 3; i++)
            list->rows[0][t * 3 + i] = (float)dm_random_uniform(random);
    }
    assert_int_equal(dm_token_pool_reserve(pool, n, NULL), DM_OK);
    dm_token_pool_offer(pool, pool->scored ? list->score + list->n : NULL, parts, n);
    list->n += n;
    assert_int_equal(pool->n_offered, list->n);
    assert_true(pool->n <= pool->capacity && pool->capacity <= pool->limit);
}

static void test_against_list(void **state) {
    (void)state;
    static struct list list;
    struct dm_random random;
    dm_random_seed(&random, 23);
    for (int i = 0; i < n_case; i++) {
        struct dm_token_pool pool;
        size_t most = dm_random_below(&random, 4) ? dm_random_below(&random, 60) : 0;
        size_t tail = 1 + dm_random_below(&random, 3 * dm_random_below(&random, 30) + 1);
        size_t length = i % 10 ? 1 + dm_random_below(&random, 700) : longest;
        size_t max_chunk = i % 3 ? 1 + dm_random_below(&random, 90) : 512;
        dm_token_pool_init(&pool, most, tail, i % 5 != 0, width, 2);
        list.n = 0;
        while (list.n < length) {
            size_t n = 1 + dm_random_below(&random, max_chunk), left = length - list.n;
            offer(&random, &pool, &list, n < left ? n : left, i % 3);
            if (dm_random_below(&random, 3) == 0 || list.n == length) {
                check_choice(&pool, &list, most);
                check_choice(&pool, &list, dm_random_below(&random, most + 1));
            }
        }
        assert_true(pool.limit <= most + (most > 256 ? most : 256) + tail);
        assert_true(dm_token_pool_memory(&pool) <= pool.limit * (4 + 1 + 3 * 2) * sizeof(float));
        dm_token_pool_clear(&pool);
        list.n = 0;
        offer(&random, &pool, &list, 40, 0); /* nothing of the last text is left */
        check_choice(&pool, &list, most);
        dm_token_pool_free(&pool);
    }
    assert_int_equal(dm_memory_live(), 0);
}

/* No limit that memory could hold: the pool grows with the text, by less than its double. */
static void test_unlimited(void **state) {
    (void)state;
    static struct list list;
    struct dm_random random;
    struct dm_token_pool pool;
    dm_error error;
    dm_random_seed(&random, 29);
    dm_token_pool_init(&pool, SIZE_MAX, SIZE_MAX, true, width, 2);
    assert_int_equal(pool.limit, SIZE_MAX);
    assert_int_equal(dm_token_pool_reserve(&pool, SIZE_MAX, &error), DM_ERROR_MEMORY);
    assert_int_equal(pool.capacity, 0);
    list.n = 0;
    while (list.n < 1000)
        offer(&random, &pool, &list, 1, 0);
    assert_int_equal(pool.n, 1000);
    assert_true(pool.capacity <= 1500);
    check_choice(&pool, &list, 0); /* all are the tail */
    dm_token_pool_free(&pool);
}

/* A reserve that fails leaves the pool as it was, whichever array was to blame. */
static void test_failed_reserve(void **state) {
    (void)state;
    static struct list list;
    struct dm_random random;
    dm_random_seed(&random, 31);
    size_t n = 1;
    for (dm_status status = DM_ERROR_MEMORY; status; n++) {
        struct dm_token_pool pool;
        dm_error error;
        dm_token_pool_init(&pool, 50, 2, true, width, 2);
        list.n = 0;
        offer(&random, &pool, &list, 20, 0);
        dm_memory_fail_at(n);
        status = dm_token_pool_reserve(&pool, 100, &error);
        dm_memory_fail_at(0);
        check_choice(&pool, &list, 10);
        offer(&random, &pool, &list, 90, 0);
        check_choice(&pool, &list, 50);
        dm_token_pool_free(&pool);
    }
    assert_int_equal(n, 7); /* five arrays */
    assert_int_equal(dm_memory_live(), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_list),
        cmocka_unit_test(test_unlimited),
        cmocka_unit_test(test_failed_reserve),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
