/* The kernel, for the numbers and the instruction set that this is compiled for: DM_NUMBERS says what
 * weights, sums and their products are, DM_KERNEL what the kernel is called. */
#include DM_NUMBERS

typedef sums_type panel_sums[DM_TILE_ROWS][DM_PANEL_VECTORS];

/* The products of a part of a unit's inputs with a panel. Compilers mix the parts, and then lack
 * registers: so at a part's end its sums must be there, and nothing of the next one be read yet. */
DM_INLINE void add_part(const uint32_t *units, const unsigned char *const *x, size_t at,
                        size_t part, size_t n_row, panel_sums sums) {
    weights_type weights[DM_PANEL_VECTORS];
#pragma GCC unroll 4
    for (size_t v = 0; v < DM_PANEL_VECTORS; v++)
        weights[v] = weights_at(units + v * VF_LANES, part);
#pragma GCC unroll 6
    for (size_t r = 0; r < n_row; r++)
#pragma GCC unroll 4
        for (size_t v = 0; v < DM_PANEL_VECTORS; v++)
            sums[r][v] = add_products(sums[r][v], weights[v], x[r] + at);
    if (PARTS > 1)
        __asm__ volatile("" : : : "memory");
#pragma GCC unroll 6
    for (size_t r = 0; r < n_row && PARTS > 1; r++)
#pragma GCC unroll 4
        for (size_t v = 0; v < DM_PANEL_VECTORS; v++)
            DM_SETTLE(sums[r][v]);
}

/* What comes before and after the units, once for all sizes of tiles: unrolled for each of them it
 * would be most of the code, and most of what a compiler takes. `sums` [n_row, n_vector]. */
DM_INLINE void put_first(const struct dm_tile *tile, size_t n_row, size_t n_vector,
                         sums_type *sums) {
    for (size_t r = 0; r < n_row; r++)
        for (size_t v = 0; v < n_vector; v++)
            *sums++ = first_sums(tile, r, v);
}
DM_INLINE void put_last(const struct dm_tile *tile, size_t n_row, size_t n_vector,
                        const sums_type *sums) {
    for (size_t r = 0; r < n_row; r++)
        for (size_t v = 0; v < n_vector; v++)
            dm_tile_put(tile, r, v, last_sums(tile, r, v, *sums++));
}

static __attribute__((noinline)) void begin_tile(const struct dm_tile *tile, size_t n_row,
                                                 size_t n_vector, sums_type *sums) {
    const struct dm_tile whole = {tile->block, tile->row, tile->column, true};
    if (tile->column + n_vector * VF_LANES <= tile->block->n_column)
        put_first(&whole, n_row, n_vector, sums);
    else
        put_first(tile, n_row, n_vector, sums);
}

static __attribute__((noinline)) void end_tile(const struct dm_tile *tile, size_t n_row,
                                               size_t n_vector, const sums_type *sums) {
    const struct dm_tile whole = {tile->block, tile->row, tile->column, true};
    if (tile->column + n_vector * VF_LANES <= tile->block->n_column)
        put_last(&whole, n_row, n_vector, sums);
    else
        put_last(tile, n_row, n_vector, sums);
}

DM_INLINE void multiply_tile(const struct dm_tile *tile, size_t n_row, size_t n_panel) {
    enum { PART_BYTES = UNIT_BYTES / PARTS };
    /* Units that are fetched early: rows that follow find a panel in a cache, the first ones fetch it from
     * far. Of few rows more panels are read at once. */
    const size_t ahead = n_row > 3 ? 32 : 8;
    const size_t n_vector = n_panel * DM_PANEL_VECTORS;
    const unsigned char *x[DM_TILE_ROWS];
    const uint32_t *panels[DM_MOST_PANELS];
    sums_type stored[DM_TILE_ROWS * DM_MOST_PANELS * DM_PANEL_VECTORS];
    panel_sums sums[DM_MOST_PANELS];
#pragma GCC unroll 6
    for (size_t r = 0; r < n_row; r++)
        x[r] = dm_tile_x(tile, r);
    begin_tile(tile, n_row, n_vector, stored);
#pragma GCC unroll 4
    for (size_t p = 0; p < n_panel; p++) {
        panels[p] = dm_tile_panel(tile, p);
#pragma GCC unroll 6
        for (size_t r = 0; r < n_row; r++)
#pragma GCC unroll 4
            for (size_t v = 0; v < DM_PANEL_VECTORS; v++)
                sums[p][r][v] = stored[r * n_vector + p * DM_PANEL_VECTORS + v];
    }
    for (size_t k = 0; k < tile->block->n_unit; k++)
#pragma GCC unroll 4
        for (size_t p = 0; p < n_panel; p++) {
            const uint32_t *units = panels[p] + k * DM_PANEL_COLUMNS;
            __builtin_prefetch(units + ahead * DM_PANEL_COLUMNS);
#pragma GCC unroll 2
            for (size_t part = 0; part < PARTS; part++)
                add_part(units, x, k * UNIT_BYTES + part * PART_BYTES, part, n_row, sums[p]);
        }
    const struct dm_tile whole = {tile->block, tile->row, tile->column, true};
    bool is_usual = n_row == ROWS && tile->column + n_vector * VF_LANES <= tile->block->n_column;
#pragma GCC unroll 4
    for (size_t p = 0; p < n_panel; p++)
#pragma GCC unroll 6
        for (size_t r = 0; r < n_row; r++)
#pragma GCC unroll 4
            for (size_t v = 0; v < DM_PANEL_VECTORS; v++) {
                size_t vector = p * DM_PANEL_VECTORS + v;
                if (is_usual) /* that of many rows is worth it */
                    dm_tile_put(&whole, r, vector, last_sums(&whole, r, vector, sums[p][r][v]));
                else
                    stored[r * n_vector + vector] = sums[p][r][v];
            }
    if (!is_usual)
        end_tile(tile, n_row, n_vector, stored);
}

static void multiply(const struct dm_gemm_block *block) {
    dm_walk_tiles(block, ROWS, DM_MOST_PANELS, multiply_tile);
}

const struct dm_gemm_kernel DM_KERNEL = {
    .name = DM_KERNEL_NAME,
    .columns = DM_PANEL_COLUMNS,
    .unit = UNIT,
    .whole_units = 1,
    .block_units = BLOCK_UNITS,
    .unit_bytes = UNIT_BYTES,
    .prepare = PREPARE,
    .multiply = multiply,
};
