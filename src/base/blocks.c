#include "base/blocks.h"

#include <string.h>

#include "base/half.h"

static uint16_t half_at(const unsigned char *bytes) {
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

/* ---- Blocks of 32: d, then the steps ---- */

static void read_q4_0(const unsigned char *block, size_t index, struct dm_group *group) {
    (void)index;
    group->scale = half_at(block);
    for (size_t i = 0; i < DM_GROUP / 2; i++) {
        group->steps[i] = (int8_t)((block[2 + i] & 15) - 8);
        group->steps[i + DM_GROUP / 2] = (int8_t)((block[2 + i] >> 4) - 8);
    }
}

static void read_q8_0(const unsigned char *block, size_t index, struct dm_group *group) {
    (void)index;
    group->scale = half_at(block);
    memcpy(group->steps, block + 2, DM_GROUP);
}

/* ---- Blocks of 256 ---- */

enum { head_bytes = 4, scales_bytes = 12, nibbles_bytes = 128 };

/* The scale and the minimum of a group, 6 bits each: the first four groups have a byte for each, whose
 * higher bits belong to the last four. */
static uint16_t scale_of(const unsigned char *bytes, size_t g) {
    int scale = g < 4 ? bytes[g] & 63 : (bytes[g + 4] & 15) | bytes[g - 4] >> 6 << 4;
    int minimum = g < 4 ? bytes[g + 4] & 63 : bytes[g + 4] >> 4 | bytes[g] >> 6 << 4;
    return (uint16_t)(scale | minimum << 8);
}

/* Two groups share 32 bytes: the first has the lower halves. */
static int nibble_of(const unsigned char *nibbles, size_t g, size_t i) {
    return nibbles[g / 2 * DM_GROUP + i] >> 4 * (g % 2) & 15;
}

static void read_q4_k(const unsigned char *block, size_t g, struct dm_group *group) {
    *group =
        (struct dm_group){half_at(block), half_at(block + 2), scale_of(block + head_bytes, g), {0}};
    for (size_t i = 0; i < DM_GROUP; i++)
        group->steps[i] = (int8_t)nibble_of(block + head_bytes + scales_bytes, g, i);
}

static void read_q5_k(const unsigned char *block, size_t g, struct dm_group *group) {
    const unsigned char *high = block + head_bytes + scales_bytes;
    *group =
        (struct dm_group){half_at(block), half_at(block + 2), scale_of(block + head_bytes, g), {0}};
    for (size_t i = 0; i < DM_GROUP; i++)
        group->steps[i] = (int8_t)(nibble_of(high + DM_GROUP, g, i) | (high[i] >> g & 1) << 4);
}

/* Halves of 128 weights: 64 bytes of lower bits, 32 of higher ones, two for each weight; then a scale
 * for each 16 weights, and d. */
static void read_q6_k(const unsigned char *block, size_t g, struct dm_group *group) {
    const unsigned char *low = block + g / 4 * 64 + g % 2 * DM_GROUP;
    const unsigned char *high = block + nibbles_bytes + g / 4 * DM_GROUP;
    const unsigned char *scales = block + nibbles_bytes + nibbles_bytes / 2;
    *group = (struct dm_group){half_at(scales + 16), 0, half_at(scales + 2 * g), {0}};
    for (size_t i = 0; i < DM_GROUP; i++) {
        int lower = low[i] >> g % 4 / 2 * 4 & 15, higher = high[i] >> 2 * (g % 4) & 3;
        group->steps[i] = (int8_t)((lower | higher << 4) - 32);
    }
}

/* ---- Rows ---- */

enum { super_weights = DM_SUPER_GROUPS * DM_GROUP };

const struct dm_block_kind dm_blocks_q4_0 = {"q4_0", 2, DM_GROUP, 18, DM_SCALE_HALF, read_q4_0};
const struct dm_block_kind dm_blocks_q8_0 = {"q8_0", 8, DM_GROUP, 34, DM_SCALE_HALF, read_q8_0};
const struct dm_block_kind dm_blocks_q4_k = {"q4_K",           12,       super_weights, 144,
                                             DM_SCALE_MINIMUM, read_q4_k};
const struct dm_block_kind dm_blocks_q5_k = {"q5_K",           13,       super_weights, 176,
                                             DM_SCALE_MINIMUM, read_q5_k};
const struct dm_block_kind dm_blocks_q6_k = {"q6_K", 14,           super_weights,
                                             210,    DM_SCALE_TWO, read_q6_k};

/* d * scale and d_min * scale are exact, and so are they times the steps. */
static float weight_of(const struct dm_block_kind *kind, const struct dm_group *group, size_t i) {
    float steps = group->steps[i], d = dm_f16_to_float(group->d);
    switch (kind->form) {
    case DM_SCALE_HALF:
        return dm_f16_to_float(group->scale) * steps;
    case DM_SCALE_MINIMUM:
        return d * (float)(group->scale & 255) * steps -
               dm_f16_to_float(group->d_min) * (float)(group->scale >> 8);
    default:
        return d * (float)(int8_t)(i < DM_GROUP / 2 ? group->scale & 255 : group->scale >> 8) *
               steps;
    }
}

void dm_blocks_to_floats(const struct dm_block_kind *kind, const void *row, size_t first, size_t n,
                         float *out) {
    struct dm_group group = {0};
    size_t of_block = kind->n_weight / DM_GROUP;
    for (size_t i = first; i < first + n; i++) {
        size_t index = i / DM_GROUP;
        if (i == first || i % DM_GROUP == 0)
            kind->read((const unsigned char *)row + index / of_block * kind->n_byte,
                       index % of_block, &group);
        out[i - first] = weight_of(kind, &group, i % DM_GROUP);
    }
}
