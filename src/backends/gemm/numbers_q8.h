/* Groups of bytes: a unit is four inputs. Where there is no instruction for bytes (DM_SIMD_DOT), weights
 * become 16 bits in registers, and x was made so before, as in numbers_int8.h. */
#ifndef DM_BACKENDS_GEMM_NUMBERS_Q8_H
#define DM_BACKENDS_GEMM_NUMBERS_Q8_H

#include "backends/gemm/tiles.h"

#ifdef DM_SIMD_DOT

enum { UNIT = 4, PARTS = 1, HALVES = 2, TAKES_SIGNED = VI_DOT_EXCESS == 0, ROWS = 6 };

DM_INLINE vi weights_at(const uint32_t *units, size_t part) {
    (void)part;
    return vi_load(units, VF_LANES);
}
DM_INLINE vi add_products(vi sums, vi weights, vi x) {
    return vi_dot(sums, weights, x);
}
DM_INLINE void put_bytes(const int8_t *bytes, void *row) {
    memcpy(row, bytes, DM_GROUP);
}

#else

enum { UNIT = 4, PARTS = 2, HALVES = 2, TAKES_SIGNED = 1, ROWS = VF_LANES == 8 ? 5 : 6 };

DM_INLINE vi weights_at(const uint32_t *units, size_t part) {
    vi bytes = vi_load(units, VF_LANES);
    return part ? vi_odd_bytes(bytes) : vi_even_bytes(bytes);
}
DM_INLINE vi add_products(vi sums, vi weights, vi x) {
    return vi_add_products(sums, weights, x);
}
DM_INLINE void put_bytes(const int8_t *bytes, void *row) {
    int16_t *x = row;
    for (size_t i = 0; i < DM_GROUP; i += UNIT) {
        const int16_t unit[] = {bytes[i], bytes[i + 2], bytes[i + 1], bytes[i + 3]};
        memcpy(x + i, unit, sizeof unit);
    }
}

#endif

DM_INLINE vi whole_sums(vi sums) {
    return sums;
}

#endif
