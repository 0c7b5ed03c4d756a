#include "test_support.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/finite.h"

enum { most = 200 };

/* Every length, and each kind at every place: the first of two is found. */
static void finds_the_first(void **state) {
    static const float odd[] = {NAN, -NAN, INFINITY, -INFINITY};
    float values[most];
    (void)state;
    for (size_t i = 0; i < most; i++)
        values[i] = i % 4 == 0 ? FLT_MAX : i % 4 == 1 ? -FLT_MAX : i % 4 == 2 ? 1e-45f : -0.0f;
    for (size_t n = 0; n < most; n++) {
        assert_int_equal(dm_find_not_finite(values, n), n);
        for (size_t i = 0; i < n; i++) {
            const float before = values[i], last = values[n - 1];
            values[n - 1] = INFINITY;
            values[i] = odd[i % 4];
            assert_int_equal(dm_find_not_finite(values, n), i);
            values[n - 1] = last;
            values[i] = before;
        }
    }
}

static void names_what_it_is(void **state) {
    (void)state;
    assert_string_equal(dm_not_finite_name(-NAN), "NaN");
    assert_string_equal(dm_not_finite_name(INFINITY), "infinity");
    assert_string_equal(dm_not_finite_name(-INFINITY), "-infinity");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(finds_the_first),
                                       cmocka_unit_test(names_what_it_is)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
