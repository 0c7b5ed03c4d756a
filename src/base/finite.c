#include "base/finite.h"

#include "base/half.h"

enum { BLOCK = 64 };
static const uint32_t exponent = 0x7f800000;

static unsigned is_odd(float value) {
    return (dm_float_bits(value) & exponent) == exponent;
}

size_t dm_find_not_finite(const float *values, size_t n) {
    size_t i = 0;
    for (; i + BLOCK <= n; i += BLOCK) { /* without a branch inside: vectors */
        unsigned any = 0;
        for (size_t k = 0; k < BLOCK; k++)
            any |= is_odd(values[i + k]);
        if (any)
            break;
    }
    while (i < n && !is_odd(values[i]))
        i++;
    return i;
}

const char *dm_not_finite_name(float value) {
    return value != value ? "NaN" : value > 0 ? "infinity" : "-infinity";
}
