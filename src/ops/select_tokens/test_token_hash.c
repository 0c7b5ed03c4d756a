#include "ops/select_tokens/token_hash.h"

#include <math.h>

#include "test_support.h"

/* The first draws of splitmix64 from seed 0, as its authors' code gives them. */
static void test_known(void **state) {
    (void)state;
    static const uint64_t draws[] = {0xe220a8397b1dcdafu, 0x6e789e6aa1b965f4u, 0x06c45d188009454fu,
                                     0xf88bb8a8724c81ecu, 0x1b39896a51a8749bu};
    float score[5];
    dm_token_hash(0, 5, score);
    for (size_t t = 0; t < 5; t++)
        assert_true(score[t] == (float)((double)(draws[t] >> 40) / 0x1p24));
}

static void test_split(void **state) {
    (void)state;
    enum { N = 100, FIRST = 1000000 };
    float whole[N], parts[N];
    dm_token_hash(FIRST, N, whole);
    for (size_t t = 0, n; t < N; t += n) {
        n = t % 7 + 1 < N - t ? t % 7 + 1 : N - t;
        dm_token_hash(FIRST + t, n, parts + t);
    }
    assert_memory_equal(whole, parts, sizeof whole);
}

/* As uniform draws are: their mean, their spread, and no neighbour tells of the next. */
static void test_uniform(void **state) {
    (void)state;
    enum { N = 100000 };
    static float score[N];
    double sum = 0, squares = 0, products = 0;
    dm_token_hash(0, N, score);
    for (size_t t = 0; t < N; t++) {
        double x = (double)score[t] - 0.5;
        assert_true(score[t] >= 0 && score[t] < 1);
        sum += x;
        squares += x * x;
        products += t ? x * ((double)score[t - 1] - 0.5) : 0;
    }
    assert_true(fabs(sum / N) < 4 / sqrt(12.0 * N));
    assert_true(fabs(squares / N - 1.0 / 12) < 4 / sqrt(180.0 * N));
    assert_true(fabs(products / N) < 4 / (12 * sqrt(1.0 * N)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_uniform),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
