/* 8 bits: a unit is four inputs; sums are whole numbers, and become floats at the end. Where there is
 * no instruction for bytes (DM_SIMD_DOT), weights become 16 bits in registers, and x was made so
 * before: the inputs 0 and 2 of a unit, then 1 and 3. */
#ifndef DM_BACKENDS_GEMM_NUMBERS_INT8_H
#define DM_BACKENDS_GEMM_NUMBERS_INT8_H

#include "backends/gemm/tiles.h"
#include "ops/simd_ops.h"

typedef vi sums_type;
typedef vi weights_type;

#ifdef DM_SIMD_DOT

enum { UNIT = 4, UNIT_BYTES = 4, PARTS = 1, ROWS = 6, BLOCK_UNITS = 1 << 14 };

DM_INLINE weights_type weights_at(const uint32_t *units, size_t part) {
    (void)part;
    return vi_load(units, VF_LANES);
}
DM_INLINE sums_type add_products(sums_type sums, weights_type weights, const void *x) {
    return vi_dot(sums, dm_same_bits(x), weights);
}
/* What x has too much is taken away before. */
DM_INLINE sums_type first_sums(const struct dm_tile *tile, size_t row, size_t vector) {
    (void)row;
    const int32_t *offset = tile->block->column_offset + tile->column + vector * VF_LANES;
    return VI_DOT_EXCESS ? vi_sub(vi_set1(0), vi_load(offset, dm_tile_lanes(tile, vector)))
                         : vi_set1(0);
}

static float prepare(const float *x, size_t n_in, void *row, size_t n_byte) {
    uint8_t *y = row;
    float scale = DM_VARIANT(dm_bytes_from_floats)(x, n_in, y);
    for (size_t i = 0; i < n_in && !VI_DOT_EXCESS; i++)
        y[i] ^= 128;
    memset(y + n_in, 0, n_byte - n_in);
    return scale;
}

#else

enum { UNIT = 4, UNIT_BYTES = 8, PARTS = 2, ROWS = VF_LANES == 8 ? 5 : 6, BLOCK_UNITS = 1 << 14 };

DM_INLINE weights_type weights_at(const uint32_t *units, size_t part) {
    vi bytes = vi_load(units, VF_LANES);
    return part ? vi_odd_bytes(bytes) : vi_even_bytes(bytes);
}
DM_INLINE sums_type add_products(sums_type sums, weights_type weights, const void *x) {
    sums = vi_add_products(sums, dm_same_bits(x), weights);
    DM_SETTLE(sums);
    return sums;
}
DM_INLINE sums_type first_sums(const struct dm_tile *tile, size_t row, size_t vector) {
    (void)tile, (void)row, (void)vector;
    return vi_set1(0);
}

/* Bytes at the row's end become numbers from its beginning on. */
static float prepare(const float *x, size_t n_in, void *row, size_t n_byte) {
    uint8_t *bytes = (uint8_t *)row + n_byte / 2;
    int16_t *y = row;
    float scale = DM_VARIANT(dm_bytes_from_floats)(x, n_in, bytes);
    memset(bytes + n_in, 128, n_byte / 2 - n_in);
    for (size_t i = 0; i < n_byte / 2; i += UNIT) {
        const int16_t unit[] = {(int16_t)(bytes[i] - 128), (int16_t)(bytes[i + 2] - 128),
                                (int16_t)(bytes[i + 1] - 128), (int16_t)(bytes[i + 3] - 128)};
        memcpy(y + i, unit, sizeof unit);
    }
    return scale;
}

#endif

#define PREPARE prepare

DM_INLINE vf last_sums(const struct dm_tile *tile, size_t row, size_t vector, sums_type sums) {
    const struct dm_gemm_block *block = tile->block;
    vf scale = vf_load(block->column_scale + tile->column + vector * VF_LANES,
                       dm_tile_lanes(tile, vector));
    return vf_mul(vf_from_ints(sums), vf_mul(scale, vf_set1(block->row_scale[tile->row + row])));
}

#endif
