/* Groups of four bits: a unit is eight inputs, the first four in the lower halves of its bytes. Where
 * there is no instruction for bytes (DM_SIMD_DOT), pairs of products are added in 16 bits: those of a
 * group are at most 16 * 15 * 127 = 30,480. */
#ifndef DM_BACKENDS_GEMM_NUMBERS_Q4_H
#define DM_BACKENDS_GEMM_NUMBERS_Q4_H

#include "backends/gemm/tiles.h"

enum { UNIT = 8, PARTS = 2, HALVES = 1, TAKES_SIGNED = 0, ROWS = VF_LANES == 8 ? 5 : 6 };

DM_INLINE vi weights_at(const uint32_t *units, size_t part) {
    vi nibbles = vi_load(units, VF_LANES);
    return part ? vi_high_nibbles(nibbles) : vi_low_nibbles(nibbles);
}

#ifdef DM_SIMD_DOT

DM_INLINE vi add_products(vi sums, vi weights, vi x) {
    return vi_dot(sums, weights, x);
}
DM_INLINE vi whole_sums(vi sums) {
    return sums;
}

#else

DM_INLINE vi add_products(vi sums, vi weights, vi x) {
    return vi_add_byte_products(sums, weights, x);
}
DM_INLINE vi whole_sums(vi sums) {
    return vi_add_products(vi_set1(0), sums, vi_set1(0x10001));
}

#endif

/* A group of x. */
DM_INLINE void put_bytes(const int8_t *bytes, void *row) {
    memcpy(row, bytes, DM_GROUP);
}

#endif
