#include "test_support.h"

#include <math.h>
#include <string.h>

#include "base/half.h"
#include "base/random.h"

static void bf16_round_trips(void **state) {
    for (uint32_t half = 0; half < 65536; half++) {
        float value = dm_bf16_to_float((uint16_t)half);
        if (isnan(value)) {
            assert_true(isnan(dm_bf16_to_float(dm_bf16_from_float(value))));
            assert_int_equal(dm_bf16_from_float(value) & 0x8000, half & 0x8000);
        } else {
            assert_int_equal(dm_bf16_from_float(value), half);
        }
    }
    (void)state;
}

/* The value of a half by its definition. */
static double f16_value(uint32_t half) {
    int exponent = (int)(half >> 10 & 31), fraction = (int)(half & 0x3ff);
    double sign = half & 0x8000 ? -1 : 1;
    if (exponent == 31)
        return fraction ? NAN : sign * INFINITY;
    return sign * (exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24));
}

static void f16_round_trips(void **state) {
    for (uint32_t half = 0; half < 65536; half++) {
        float value = dm_f16_to_float((uint16_t)half);
        double exact = f16_value(half);
        if (isnan(exact)) {
            assert_true(isnan(value));
            assert_true(isnan(dm_f16_to_float(dm_f16_from_float(value))));
        } else {
            assert_true(value == exact && !signbit(value) == !(half & 0x8000));
            assert_int_equal(dm_f16_from_float(value), half);
        }
    }
    (void)state;
}

/* Between two neighbouring halves: to the nearer, at the middle to the even one. Neighbours of the
 * same sign have neighbouring bits, infinity included. */
static void expect_rounding(uint16_t low, double low_value, double high_value,
                            uint16_t (*from_float)(float)) {
    float middle = (float)((low_value + high_value) / 2);
    assert_true(middle == (low_value + high_value) / 2);
    uint16_t even = low & 1 ? (uint16_t)(low + 1) : low;
    assert_int_equal(from_float(middle), even);
    assert_int_equal(from_float(nextafterf(middle, (float)low_value)), low);
    assert_int_equal(from_float(nextafterf(middle, (float)high_value)), low + 1);
}

static void f16_rounds_to_nearest_even(void **state) {
    for (uint32_t half = 0; half < 65536; half++) {
        if ((half & 0x7fff) >= 0x7c00)
            continue;
        double high =
            (half & 0x7fff) == 0x7bff ? copysign(65536, f16_value(half)) : f16_value(half + 1);
        expect_rounding((uint16_t)half, f16_value(half), high, dm_f16_from_float);
    }
    assert_int_equal(dm_f16_from_float(INFINITY), 0x7c00);
    assert_int_equal(dm_f16_from_float(-3e38f), 0xfc00);
    assert_int_equal(dm_f16_from_float(-1e-30f), 0x8000);
    (void)state;
}

static void bf16_rounds_to_nearest_even(void **state) {
    for (uint32_t half = 0; half < 65536; half++) {
        if ((half & 0x7fff) >= 0x7f7f)
            continue;
        expect_rounding((uint16_t)half, dm_bf16_to_float((uint16_t)half),
                        dm_bf16_to_float((uint16_t)(half + 1)), dm_bf16_from_float);
    }
    assert_int_equal(dm_bf16_from_float(dm_float_from_bits(0x7f7fffff)), 0x7f80);
    assert_int_equal(dm_bf16_from_float(dm_float_from_bits(0x7f7f7fff)), 0x7f7f);
    assert_int_equal(dm_bf16_from_float(-INFINITY), 0xff80);
    assert_int_equal(dm_bf16_from_float(dm_float_from_bits(0x7f800001)), 0x7fc0);
    (void)state;
}

static void converts_unaligned_arrays(void **state) {
    unsigned char bytes[4 * 8 + 1];
    float out[3];
    for (int offset = 0; offset < 2; offset++) {
        const float wide[] = {9, 1.5f, -2, 1e-40f};
        memcpy(bytes + offset, wide, sizeof wide);
        dm_floats_from(bytes + offset, DM_DTYPE_F32, 1, 3, out);
        assert_memory_equal(out, wide + 1, sizeof out);
        const uint16_t bf16[] = {0x4110, 0x3fc0, 0xc000, 0x0001},
                       f16[] = {0x4880, 0x3e00, 0xc000, 0x0001};
        memcpy(bytes + offset, bf16, sizeof bf16);
        dm_floats_from(bytes + offset, DM_DTYPE_BF16, 1, 3, out);
        assert_true(out[0] == 1.5f && out[1] == -2 && out[2] == dm_float_from_bits(0x10000));
        memcpy(bytes + offset, f16, sizeof f16);
        dm_floats_from(bytes + offset, DM_DTYPE_F16, 1, 3, out);
        assert_true(out[0] == 1.5f && out[1] == -2 && out[2] == 0x1p-24f);
    }
    assert_int_equal(dm_dtype_size(DM_DTYPE_F32), 4);
    assert_int_equal(dm_dtype_size(DM_DTYPE_F16), 2);
    assert_string_equal(dm_dtype_name(DM_DTYPE_BF16), "bf16");
    (void)state;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bf16_round_trips),           cmocka_unit_test(f16_round_trips),
        cmocka_unit_test(f16_rounds_to_nearest_even), cmocka_unit_test(bf16_rounds_to_nearest_even),
        cmocka_unit_test(converts_unaligned_arrays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
