/* What the vector kernels share: they walk over a block by tiles of a few rows and panels, small
 * enough that a tile's sums stay in registers.
 *
 * A source says what a tile is, always inlined with constant sizes, and calls dm_walk_tiles. */
#ifndef DM_BACKENDS_GEMM_TILES_H
#define DM_BACKENDS_GEMM_TILES_H

#include <string.h>

#include "backends/gemm/kernel.h"
#include "ops/simd.h"

/* A tile has 12 vectors of sums at most where there are 16 registers, else 24: of many rows so many
 * panels, and of few rows more. */
#if VF_LANES == 16
enum { DM_PANEL_VECTORS = 2, DM_PANELS_1 = 4, DM_PANELS_2 = 4, DM_PANELS_3 = 4, DM_PANELS = 2 };
#elif VF_LANES == 8
enum { DM_PANEL_VECTORS = 2, DM_PANELS_1 = 4, DM_PANELS_2 = 2, DM_PANELS_3 = 2, DM_PANELS = 1 };
#else
enum { DM_PANEL_VECTORS = 4, DM_PANELS_1 = 4, DM_PANELS_2 = 2, DM_PANELS_3 = 2, DM_PANELS = 1 };
#endif
enum { DM_TILE_ROWS = 6, DM_MOST_PANELS = 4, DM_PANEL_COLUMNS = DM_PANEL_VECTORS * VF_LANES };

#define DM_INLINE static inline __attribute__((always_inline))
/* The vector is in a register now. */
#if defined(__aarch64__)
#define DM_SETTLE(vector) __asm__("" : "+w"(vector))
#else
#define DM_SETTLE(vector) __asm__("" : "+v"(vector))
#endif

struct dm_tile {
    const struct dm_gemm_block *block;
    size_t row, column; /* the first ones */
    bool is_whole;      /* all of its columns are the block's */
};

DM_INLINE const void *dm_tile_x(const struct dm_tile *tile, size_t row) {
    return (const unsigned char *)tile->block->x + (tile->row + row) * tile->block->x_step;
}
DM_INLINE const uint32_t *dm_tile_panel(const struct dm_tile *tile, size_t panel) {
    return tile->block->panels +
           (tile->column / DM_PANEL_COLUMNS + panel) * tile->block->panel_step;
}

DM_INLINE const uint16_t *dm_tile_scales(const struct dm_tile *tile, size_t panel) {
    return tile->block->scales +
           (tile->column / DM_PANEL_COLUMNS + panel) * tile->block->scale_step;
}

DM_INLINE vi dm_same_bits(const void *x) { /* in each lane */
    int32_t bits;
    memcpy(&bits, x, sizeof bits);
    return vi_set1(bits);
}

/* How many lanes of a tile's vector are columns of the block. */
DM_INLINE size_t dm_tile_lanes(const struct dm_tile *tile, size_t vector) {
    size_t column = tile->column + vector * VF_LANES, end = tile->block->n_column;
    return tile->is_whole || column + VF_LANES <= end ? VF_LANES : column < end ? end - column : 0;
}
/* The sums of the inputs before. */
DM_INLINE vf dm_tile_before(const struct dm_tile *tile, size_t row, size_t vector) {
    const struct dm_gemm_block *b = tile->block;
    return b->before ? vf_load(b->before + (tile->row + row) * b->before_step + tile->column +
                                   vector * VF_LANES,
                               dm_tile_lanes(tile, vector))
                     : vf_set1(0);
}
DM_INLINE void dm_tile_put(const struct dm_tile *tile, size_t row, size_t vector, vf sum) {
    const struct dm_gemm_block *b = tile->block;
    float *y = b->y + (tile->row + row) * b->y_step + tile->column + vector * VF_LANES;
    size_t n = dm_tile_lanes(tile, vector);
    vf_store(y, n, b->accumulate ? vf_add(vf_load(y, n), sum) : sum);
}

/* ---- The walk ---- */

typedef void dm_multiply_tile(const struct dm_tile *tile, size_t n_row, size_t n_panel);

/* All panels of a few rows: four at a time where so many are wanted, then two, then one. */
DM_INLINE void dm_walk_panels(const struct dm_gemm_block *block, size_t n_row, size_t max_panels,
                              dm_multiply_tile *multiply) {
    struct dm_tile tile = {.block = block};
    size_t left = (block->n_column + DM_PANEL_COLUMNS - 1) / DM_PANEL_COLUMNS;
    for (; max_panels == 4 && left >= 4; left -= 4, tile.column += (size_t)4 * DM_PANEL_COLUMNS)
        multiply(&tile, n_row, 4);
    for (; max_panels >= 2 && left >= 2; left -= 2, tile.column += (size_t)2 * DM_PANEL_COLUMNS)
        multiply(&tile, n_row, 2);
    for (; left; left--, tile.column += DM_PANEL_COLUMNS)
        multiply(&tile, n_row, 1);
}

/* All rows of `n_panel` panels, shared out evenly: eight are not six and two, but four and four. */
DM_INLINE void dm_walk_rows(const struct dm_gemm_block *block, size_t column, size_t max_rows,
                            size_t n_panel, dm_multiply_tile *multiply) {
    struct dm_tile tile = {.block = block, .column = column};
    size_t n_tile = (block->n_row + max_rows - 1) / max_rows;
    for (size_t n_row; n_tile; n_tile--, tile.row += n_row) {
        n_row = (block->n_row - tile.row + n_tile - 1) / n_tile;
        if (n_row == 6 && max_rows == 6)
            multiply(&tile, 6, n_panel);
        else if (n_row == 5)
            multiply(&tile, 5, n_panel);
        else if (n_row == 4)
            multiply(&tile, 4, n_panel);
        else
            multiply(&tile, 3, n_panel); /* as of seven */
    }
}

/* A tile has `max_rows`, 5 or 6, at most; of few rows `max_panels`, where it has room for so many. */
DM_INLINE void dm_walk_tiles(const struct dm_gemm_block *block, size_t max_rows, size_t max_panels,
                             dm_multiply_tile *multiply) {
    size_t column = 0;
    switch (block->n_row) {
    case 1:
        dm_walk_panels(block, 1, max_panels < DM_PANELS_1 ? max_panels : DM_PANELS_1, multiply);
        return;
    case 2:
        dm_walk_panels(block, 2, max_panels < DM_PANELS_2 ? max_panels : DM_PANELS_2, multiply);
        return;
    case 3:
        dm_walk_panels(block, 3, max_panels < DM_PANELS_3 ? max_panels : DM_PANELS_3, multiply);
        return;
    default:
        for (; DM_PANELS > 1 && column + DM_PANELS * DM_PANEL_COLUMNS <= block->n_column;
             column += DM_PANELS * DM_PANEL_COLUMNS)
            dm_walk_rows(block, column, max_rows, DM_PANELS, multiply);
        for (; column < block->n_column; column += DM_PANEL_COLUMNS)
            dm_walk_rows(block, column, max_rows, 1, multiply);
    }
}

#endif
