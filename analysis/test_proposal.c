#include "proposal.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void check_layer(const double *log_decay, const double *distance, size_t n, size_t layer,
                        bool alone, double times) {
    struct layer_proposal found = propose_layer(log_decay, distance, n);
    assert_int_equal(found.layer, layer);
    assert_true(found.alone == alone);
    assert_true(found.times == times || fabs(found.times - times) <= 1e-12 * times);
}

static void test_layer(void **state) {
    (void)state;
    const double distance[] = {40, 30, 49, 100, 20}, flat[] = {0, 0, 0, 0, 0};
    const double one[] = {0.5, 0.4, 0.01, 0.2, 0.6}, spread[] = {0.5, 0.4, 0.05, 0.19, 0.6};
    const double edge[] = {2, 0.5, 8}, none[] = {0.5, 0, 0.1}, nan[] = {NAN, 3, NAN};
    check_layer(one, distance, 5, 2, true, 20);      /* its own, however near it looks */
    check_layer(spread, distance, 5, 3, false, 3.8); /* the first that looks half as far */
    check_layer(spread, flat, 5, 0, false, 3.8);
    check_layer(edge, distance, 3, 1, true, 4);
    check_layer(none, distance, 3, 1, true, INFINITY); /* forgets nothing at all */
    check_layer(nan, distance, 3, 1, true, INFINITY);
    check_layer(nan, distance, 1, 0, false, 1); /* no memory anywhere */
    const double far_first[] = {60, 30, 49, 100, 20};
    check_layer(spread, far_first, 5, 0, false, 3.8);
    const double same[] = {1, 1, 1};
    check_layer(same, distance, 3, 0, false, 1);
}

static void test_least(void **state) {
    (void)state;
    double values[] = {5, NAN, 1, 3, 2};
    assert_true(fabs(mean_of_smallest(values, 5, 3) - 2) < 1e-15);
    assert_true(fabs(mean_of_smallest(values, 5, 1) - 1) < 1e-15);
    assert_true(isinf(mean_of_smallest(values, 5, 5)));
}

static double overlap(const float *a, const float *b, size_t n, size_t k) {
    double found;
    assert_true(score_overlap(a, b, n, k, &found));
    return found;
}

static double correlation(const float *a, const float *b, size_t n) {
    double found;
    assert_true(score_correlation(a, b, n, &found));
    return found;
}

static void test_scores_alike(void **state) {
    (void)state;
    const float a[] = {1, 5, 3, 4, 2, 0}, turned[] = {-1, -5, -3, -4, -2, 0};
    const float b[] = {9, 8, 7, 1, 2, 3}, equal[] = {7, 7, 7, 7, 7, 7}, ties[] = {1, 2, 2, 4, 2, 0};
    assert_true(overlap(a, a, 6, 3) == 1);
    assert_true(overlap(a, turned, 6, 3) == 0);
    assert_true(fabs(overlap(a, b, 6, 3) - 2.0 / 3) < 1e-15); /* 1, 3, 2 and 0, 1, 2 */
    assert_true(overlap(a, equal, 6, 2) == 0.5);              /* 1, 3 and 0, 1 */
    assert_true(overlap(a, b, 6, 6) == 1);
    assert_true(fabs(correlation(a, a, 6) - 1) < 1e-12);
    assert_true(fabs(correlation(a, turned, 6) + 1) < 1e-12);
    assert_true(correlation(a, equal, 6) == 0);
    /* scipy.stats.spearmanr */
    assert_true(fabs(correlation(a, b, 6) + 0.08571428571428573) < 1e-12);
    assert_true(fabs(correlation(a, ties, 6) - 0.8196885999705371) < 1e-12);
    assert_true(correlation(a, b, 1) == 0);
}

static void test_kinds(void **state) {
    (void)state;
    const int ids[] = {4, 1, 4, 0, 1, 2, 1, 4, 0};
    const float scores[] = {1, 5, 2, 8, 7, 100, 6, 3, 1};
    struct kind_score kinds[3];
    size_t n;
    assert_true(best_kinds(ids, scores, 9, 5, 2, kinds, 3, &n));
    assert_int_equal(n, 3);
    assert_true(kinds[0].id == 1 && kinds[0].n == 3 && kinds[0].mean == 6);
    assert_true(kinds[1].id == 0 && kinds[1].n == 2 && kinds[1].mean == 4.5);
    assert_true(kinds[2].id == 4 && kinds[2].n == 3 && kinds[2].mean == 2);
    assert_true(best_kinds(ids, scores, 9, 5, 1, kinds, 2, &n));
    assert_int_equal(n, 2);
    assert_true(kinds[0].id == 2 && kinds[1].id == 1);
    assert_true(best_kinds(ids, scores, 9, 5, 4, kinds, 3, &n));
    assert_int_equal(n, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layer),
        cmocka_unit_test(test_least),
        cmocka_unit_test(test_scores_alike),
        cmocka_unit_test(test_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
