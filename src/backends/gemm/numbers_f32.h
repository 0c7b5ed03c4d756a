/* float32: a unit is one input. */
#ifndef DM_BACKENDS_GEMM_NUMBERS_F32_H
#define DM_BACKENDS_GEMM_NUMBERS_F32_H

#include "backends/gemm/tiles.h"

enum { UNIT = 1, UNIT_BYTES = 4, PARTS = 1, ROWS = 6, BLOCK_UNITS = 768 };
#define PREPARE NULL

typedef vf sums_type;
typedef vf weights_type;

DM_INLINE weights_type weights_at(const uint32_t *units, size_t part) {
    (void)part;
    return vf_load((const float *)(const void *)units, VF_LANES);
}
DM_INLINE sums_type add_products(sums_type sums, weights_type weights, const void *x) {
    return vf_fma(vf_set1(*(const float *)x), weights, sums);
}
DM_INLINE sums_type first_sums(const struct dm_tile *tile, size_t row, size_t vector) {
    return dm_tile_before(tile, row, vector);
}
DM_INLINE vf last_sums(const struct dm_tile *tile, size_t row, size_t vector, sums_type sums) {
    (void)tile, (void)row, (void)vector;
    return sums;
}

#endif
