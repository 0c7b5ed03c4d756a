/* Conversions between float32 and the 16-bit types. */
#ifndef DM_BASE_HALF_H
#define DM_BASE_HALF_H

#include <stdint.h>
#include <string.h>

#include "decimamba.h"

static inline float dm_float_from_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}
static inline uint32_t dm_float_bits(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline float dm_bf16_to_float(uint16_t half) {
    return dm_float_from_bits((uint32_t)half << 16);
}
/* To the nearest, ties to even; NaN stays a (quiet) NaN. */
static inline uint16_t dm_bf16_from_float(float value) {
    uint32_t bits = dm_float_bits(value);
    if ((bits & 0x7fffffff) > 0x7f800000)
        return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static inline float dm_f16_to_float(uint16_t half) {
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 31,
             fraction = half & 0x3ff;
    if (exponent == 31)
        return dm_float_from_bits(sign | 0x7f800000 | fraction << 13);
    if (exponent)
        return dm_float_from_bits(sign | (exponent + 112) << 23 | fraction << 13);
    float magnitude = (float)fraction * 0x1p-24f;
    return sign ? -magnitude : magnitude;
}
/* To the nearest, ties to even; beyond 65504 (by more than half a step) infinity. */
static inline uint16_t dm_f16_from_float(float value) {
    uint32_t bits = dm_float_bits(value), sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
    if (magnitude > 0x7f800000)
        return (uint16_t)(sign | 0x7e00);
    if (magnitude >= 0x477ff000)
        return (uint16_t)(sign | 0x7c00);
    if (magnitude < 0x38800000) { /* a denormal: let the adder round to multiples of 2^-24 */
        float shifted = dm_float_from_bits(magnitude) + 0.5f;
        return (uint16_t)(sign | (dm_float_bits(shifted) - 0x3f000000));
    }
    return (uint16_t)(sign | ((magnitude - 0x38000000 + 0xfff + (magnitude >> 13 & 1)) >> 13));
}

/* Elements [first, first + n) of an array of `dtype` (f32, bf16 or f16; possibly unaligned) as
 * float32. */
void dm_floats_from(const void *data, dm_dtype dtype, size_t first, size_t n, float *out);
size_t dm_dtype_size(dm_dtype dtype);
const char *
dm_dtype_name(dm_dtype dtype); /* "f32", "bf16", "f16", "int8", "q4", "bf16x3" or "auto" */

#endif
