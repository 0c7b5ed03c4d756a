/* bf16: a unit is two inputs. Where there is no instruction for them (DM_SIMD_BF16), the weights become
 * floats in registers, x was made floats before, and one product after the other is added. */
#ifndef DM_BACKENDS_GEMM_NUMBERS_BF16_H
#define DM_BACKENDS_GEMM_NUMBERS_BF16_H

#include <string.h>

#include "backends/gemm/tiles.h"
#include "ops/simd_ops.h"

typedef vf sums_type;
typedef vf weights_type;

#ifdef DM_SIMD_BF16

enum { UNIT = 2, UNIT_BYTES = 4, PARTS = 1, ROWS = 6, BLOCK_UNITS = 512 };

DM_INLINE weights_type weights_at(const uint32_t *units, size_t part) {
    (void)part;
    return vf_load((const float *)(const void *)units, VF_LANES);
}
DM_INLINE sums_type add_products(sums_type sums, weights_type weights, const void *x) {
    return vf_add_products(sums, vf_set1(*(const float *)x), weights);
}

static float prepare(const float *x, size_t n_in, void *row, size_t n_byte) {
    uint16_t *y = row;
    DM_VARIANT(dm_bf16_from_floats)(x, n_in, y);
    memset(y + n_in, 0, n_byte - n_in * sizeof *y);
    return 1;
}

#else

enum { UNIT = 2, UNIT_BYTES = 8, PARTS = 2, ROWS = VF_LANES == 8 ? 5 : 6, BLOCK_UNITS = 384 };

DM_INLINE weights_type weights_at(const uint32_t *units, size_t part) {
    vf pairs = vf_load((const float *)(const void *)units, VF_LANES);
    return part ? vf_high_bf16(pairs) : vf_low_bf16(pairs);
}
DM_INLINE sums_type add_products(sums_type sums, weights_type weights, const void *x) {
    return vf_fma(vf_set1(*(const float *)x), weights, sums);
}

static float prepare(const float *x, size_t n_in, void *row, size_t n_byte) {
    float *y = row;
    for (size_t i = 0, n; i < n_in; i += n) {
        n = dm_simd_lanes(n_in - i);
        vf_store(y + i, n, vf_round_bf16(vf_load(x + i, n)));
    }
    memset(y + n_in, 0, n_byte - n_in * sizeof *y);
    return 1;
}

#endif

#define PREPARE prepare

DM_INLINE sums_type first_sums(const struct dm_tile *tile, size_t row, size_t vector) {
    return dm_tile_before(tile, row, vector);
}
DM_INLINE vf last_sums(const struct dm_tile *tile, size_t row, size_t vector, sums_type sums) {
    (void)tile, (void)row, (void)vector;
    return sums;
}

#endif
