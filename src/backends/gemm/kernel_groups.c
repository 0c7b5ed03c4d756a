/* The kernel for weights in groups (groups.h), for the numbers and the instruction set that this is
 * compiled for: DM_NUMBERS says what a unit is and how it is multiplied, DM_KERNEL what the kernel is
 * called. A group's sums, or those of its halves, are whole numbers in registers; then they are scaled
 * and added to sums in float32, which stay in the first cache. */
#include DM_NUMBERS

#include "backends/gemm/groups.h"
#include "ops/simd_ops.h"

enum {
    UNITS = DM_GROUP / UNIT,
    HALF_UNITS = UNITS / HALVES,
    X_BYTES = UNITS * PARTS * 4,                       /* of a group of x: its numbers, and */
    X_GROUP_BYTES = X_BYTES + (HALVES + 2) / 2 * 2 * 4 /* struct row_scale, filled up */
};

struct row_scale {
    float scale;
    int32_t sum[HALVES]; /* of the steps */
};

static float prepare(const float *x, size_t n_in, void *row, size_t n_byte) {
    unsigned char *group = row;
    for (size_t i = 0; i < n_byte / X_GROUP_BYTES * DM_GROUP; i += DM_GROUP) {
        uint8_t bytes[DM_GROUP];
        int8_t steps[DM_GROUP];
        size_t n = n_in - i < DM_GROUP ? n_in - i : DM_GROUP;
        struct row_scale scale = {.scale = DM_VARIANT(dm_bytes_from_floats)(x + i, n, bytes)};
        memset(bytes + n, 128, DM_GROUP - n);
        for (size_t j = 0; j < DM_GROUP; j++) {
            steps[j] = (int8_t)(bytes[j] - 128);
            scale.sum[j * HALVES / DM_GROUP] += steps[j];
        }
        put_bytes(steps, group);
        memcpy(group + X_BYTES, &scale, sizeof scale);
        group += X_GROUP_BYTES;
    }
    return 1;
}

/* Of a vector of columns: what all groups of a super-block share, */
struct super_scale {
    vf d, d_min;
};
/* and of a group: a scale for each half, and a minimum where the blocks have one. */
struct column_scale {
    vf scale[HALVES], minimum;
};

DM_INLINE struct super_scale super_at(const uint16_t *scales) {
    return (struct super_scale){vf_load_f16(scales), vf_load_f16(scales + DM_PANEL_COLUMNS)};
}

/* `own` are the scales of a panel's columns for a group, of which the vector is `v`. */
DM_INLINE struct column_scale scales_at(const struct dm_gemm_block *block, const uint16_t *own,
                                        const struct super_scale *super, size_t v) {
    const uint8_t *lower = (const uint8_t *)own + v * VF_LANES, *higher = lower + DM_PANEL_COLUMNS;
    struct column_scale s;
    s.minimum = vf_set1(0);
    if (block->form == DM_SCALE_HALF) {
        s.scale[0] = vf_load_f16(own + v * VF_LANES);
    } else if (block->form == DM_SCALE_MINIMUM) {
        s.scale[0] = vf_mul(super->d, vf_from_ints(vi_load_bytes(lower)));
        s.minimum = vf_mul(super->d_min, vf_from_ints(vi_load_bytes(higher)));
    } else {
        s.scale[0] = vf_mul(super->d, vf_from_ints(vi_load_signed_bytes(lower)));
        s.scale[HALVES - 1] = vf_mul(super->d, vf_from_ints(vi_load_signed_bytes(higher)));
    }
    if (block->form != DM_SCALE_TWO)
        s.scale[HALVES - 1] = s.scale[0];
    return s;
}

/* Half a group of a panel with some rows of x. */
DM_INLINE void multiply_half(const uint32_t *units, const unsigned char *const *x, size_t at,
                             size_t n_row, vi sums[DM_TILE_ROWS][DM_PANEL_VECTORS]) {
    enum { AHEAD = 16 }; /* units that are fetched early */
#pragma GCC unroll 4
    for (size_t k = 0; k < HALF_UNITS; k++) {
        __builtin_prefetch(units + (k + AHEAD) * DM_PANEL_COLUMNS);
#pragma GCC unroll 2
        for (size_t part = 0; part < PARTS; part++) {
            vi weights[DM_PANEL_VECTORS];
#pragma GCC unroll 4
            for (size_t v = 0; v < DM_PANEL_VECTORS; v++)
                weights[v] = weights_at(units + k * DM_PANEL_COLUMNS + v * VF_LANES, part);
#pragma GCC unroll 6
            for (size_t r = 0; r < n_row; r++) {
                vi four = dm_same_bits(x[r] + at + (k * PARTS + part) * 4);
#pragma GCC unroll 4
                for (size_t v = 0; v < DM_PANEL_VECTORS; v++)
                    sums[r][v] = add_products(k + part ? sums[r][v] : vi_set1(0), weights[v], four);
            }
#pragma GCC unroll 6
            for (size_t r = 0; r < n_row; r++)
#pragma GCC unroll 4
                for (size_t v = 0; v < DM_PANEL_VECTORS; v++)
                    DM_SETTLE(sums[r][v]);
        }
    }
}

/* A group of a panel, added to its sums [n_row, DM_PANEL_VECTORS]. */
DM_INLINE void add_group(const struct dm_gemm_block *block, size_t group, const uint32_t *panel,
                         const uint16_t *own, const struct super_scale *super,
                         const unsigned char *const *x, size_t n_row, vf *sums) {
    struct column_scale column_scales[DM_PANEL_VECTORS];
    size_t at = group * X_GROUP_BYTES;
#pragma GCC unroll 2
    for (size_t h = 0; h < HALVES; h++) {
        vi whole[DM_TILE_ROWS][DM_PANEL_VECTORS];
        multiply_half(panel + (group * UNITS + h * HALF_UNITS) * DM_PANEL_COLUMNS, x,
                      at + h * X_BYTES / HALVES, n_row, whole);
#pragma GCC unroll 4
        for (size_t v = 0; v < DM_PANEL_VECTORS && h == 0; v++)
            column_scales[v] = scales_at(block, own, &super[v], v);
#pragma GCC unroll 6
        for (size_t r = 0; r < n_row; r++) {
            struct row_scale row;
            memcpy(&row, x[r] + at + X_BYTES, sizeof row);
#pragma GCC unroll 4
            for (size_t v = 0; v < DM_PANEL_VECTORS; v++) {
                vf scale = vf_mul(column_scales[v].scale[h], vf_set1(row.scale));
                vf *sum = &sums[r * DM_PANEL_VECTORS + v];
                vi steps = whole_sums(whole[r][v]);
                if (block->form != DM_SCALE_MINIMUM)
                    steps = vi_sub(steps, vi_set1(block->zero * row.sum[h]));
                *sum = vf_fma(scale, vf_from_ints(steps), *sum);
                if (block->form == DM_SCALE_MINIMUM)
                    *sum = vf_sub_product(*sum, column_scales[v].minimum,
                                          vf_set1(row.scale * (float)row.sum[h]));
            }
        }
    }
}

DM_INLINE void multiply_tile(const struct dm_tile *tile, size_t n_row, size_t n_panel) {
    const struct dm_gemm_block *block = tile->block;
    const size_t n_group = block->n_unit / UNITS;
    const unsigned char *x[DM_TILE_ROWS];
    const uint32_t *panels[DM_MOST_PANELS];
    vf sums[DM_MOST_PANELS][DM_TILE_ROWS * DM_PANEL_VECTORS];
#pragma GCC unroll 6
    for (size_t r = 0; r < n_row; r++)
        x[r] = dm_tile_x(tile, r);
    for (size_t p = 0; p < n_panel; p++) {
        panels[p] = dm_tile_panel(tile, p);
        for (size_t i = 0; i < n_row * DM_PANEL_VECTORS; i++)
            sums[p][i] = vf_set1(0);
    }
    for (size_t first = 0; first < n_group; first += DM_SUPER_GROUPS) {
        struct super_scale super[DM_MOST_PANELS][DM_PANEL_VECTORS];
        const uint16_t *scales[DM_MOST_PANELS];
        size_t end = first + DM_SUPER_GROUPS < n_group ? first + DM_SUPER_GROUPS : n_group;
        for (size_t p = 0; p < n_panel; p++) {
            scales[p] = dm_tile_scales(tile, p) +
                        first / DM_SUPER_GROUPS * DM_SUPER_SCALES * DM_PANEL_COLUMNS;
            for (size_t v = 0; v < DM_PANEL_VECTORS; v++)
                super[p][v] = super_at(scales[p] + v * VF_LANES);
        }
        for (size_t group = first; group < end; group++)
#pragma GCC unroll 4
            for (size_t p = 0; p < n_panel; p++)
                add_group(block, group, panels[p],
                          scales[p] + (2 + group - first) * DM_PANEL_COLUMNS, super[p], x, n_row,
                          sums[p]);
    }
    for (size_t r = 0; r < n_row; r++)
        for (size_t v = 0; v < n_panel * DM_PANEL_VECTORS; v++)
            dm_tile_put(tile, r, v,
                        sums[v / DM_PANEL_VECTORS][r * DM_PANEL_VECTORS + v % DM_PANEL_VECTORS]);
}

/* Of few rows one panel at a time: a group has enough sums under way, and one stream of weights comes
 * faster than four. */
static void multiply(const struct dm_gemm_block *block) {
    dm_walk_tiles(block, ROWS, 1, multiply_tile);
}

const struct dm_gemm_kernel DM_KERNEL = {
    .name = DM_KERNEL_NAME,
    .columns = DM_PANEL_COLUMNS,
    .unit = UNIT,
    .whole_units = UNITS,
    .block_units = 1 << 16,
    .unit_bytes = X_GROUP_BYTES / UNITS,
    .takes_signed = TAKES_SIGNED,
    .prepare = prepare,
    .multiply = multiply,
};
