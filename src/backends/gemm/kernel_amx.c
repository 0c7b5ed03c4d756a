/* The kernel on AMX, in bf16 or 8 bits (DM_NUMBERS). A tile register has 16 rows of x or sums, or 16
 * units of 16 columns: two times two of them are multiplied at a time, 32 rows by a panel. A row's
 * sums do not depend on how many rows a register has, so few rows take registers of few rows.
 *
 * Compilers do not know what the instructions read: whatever is in memory must be there before. */
#include DM_NUMBERS

enum { TILE = 16, TILE_BYTES = TILE * 4, PANEL_BYTES = 2 * TILE_BYTES };
#define WRITE_ALL() __asm__ volatile("" : : : "memory")

struct tile_config {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t n_row[16];
};

/* Registers 0 to 3 have sums, 4 and 5 rows of x, 6 and 7 weights. */
static void configure(size_t above, size_t below) {
    struct tile_config config = {.palette = 1};
    const size_t n_row[] = {above, above, below, below, above, below, TILE, TILE};
    for (int i = 0; i < 8; i++) {
        config.n_row[i] = (uint8_t)n_row[i];
        config.row_bytes[i] = n_row[i] ? TILE_BYTES : 0;
    }
    __asm__ volatile("" : : "r"(&config) : "memory");
    _tile_loadconfig(&config);
}

#define ADD_PRODUCTS(sums, x, weights)        \
    do {                                      \
        if (UNIT == 2)                        \
            _tile_dpbf16ps(sums, x, weights); \
        else                                  \
            _tile_dpbusd(sums, x, weights);   \
    } while (0)

/* All units of up to 32 rows and a panel, whose sums lie in `sums`. */
static void add_units(const struct dm_tile *tile, bool two, sums_type sums[][2]) {
    const unsigned char *above = dm_tile_x(tile, 0), *below = above + TILE * tile->block->x_step;
    const unsigned char *panel = (const unsigned char *)dm_tile_panel(tile, 0);
    size_t x_step = tile->block->x_step;
    WRITE_ALL();
    _tile_loadd(0, sums, PANEL_BYTES);
    _tile_loadd(1, &sums[0][1], PANEL_BYTES);
    if (two) {
        _tile_loadd(2, &sums[TILE], PANEL_BYTES);
        _tile_loadd(3, &sums[TILE][1], PANEL_BYTES);
    }
    for (size_t k = 0; k < tile->block->n_unit; k += TILE) {
        _tile_loadd(6, panel + k * PANEL_BYTES, PANEL_BYTES);
        _tile_loadd(7, panel + k * PANEL_BYTES + TILE_BYTES, PANEL_BYTES);
        _tile_loadd(4, above + k * UNIT_BYTES, x_step);
        ADD_PRODUCTS(0, 4, 6);
        ADD_PRODUCTS(1, 4, 7);
        if (two) {
            _tile_loadd(5, below + k * UNIT_BYTES, x_step);
            ADD_PRODUCTS(2, 5, 6);
            ADD_PRODUCTS(3, 5, 7);
        }
    }
    _tile_stored(0, sums, PANEL_BYTES);
    _tile_stored(1, &sums[0][1], PANEL_BYTES);
    if (two) {
        _tile_stored(2, &sums[TILE], PANEL_BYTES);
        _tile_stored(3, &sums[TILE][1], PANEL_BYTES);
    }
    WRITE_ALL();
}

static void multiply(const struct dm_gemm_block *block) {
    sums_type sums[2 * TILE][2];
    struct dm_tile tile = {.block = block};
    for (size_t n_row; tile.row < block->n_row; tile.row += n_row) {
        n_row = block->n_row - tile.row < 2 * TILE ? block->n_row - tile.row : 2 * TILE;
        configure(n_row < TILE ? n_row : TILE, n_row < TILE ? 0 : n_row - TILE);
        for (tile.column = 0; tile.column < block->n_column; tile.column += DM_PANEL_COLUMNS) {
            for (size_t i = 0; i < 2 * n_row; i++)
                sums[i / 2][i % 2] = first_sums(&tile, i / 2, i % 2);
            add_units(&tile, n_row > TILE, sums);
            for (size_t i = 0; i < 2 * n_row; i++)
                dm_tile_put(&tile, i / 2, i % 2,
                            last_sums(&tile, i / 2, i % 2, sums[i / 2][i % 2]));
        }
    }
    _tile_release();
}

const struct dm_gemm_kernel DM_KERNEL = {
    .name = DM_KERNEL_NAME,
    .columns = DM_PANEL_COLUMNS,
    .unit = UNIT,
    .whole_units = TILE,
    .block_units = BLOCK_UNITS,
    .unit_bytes = UNIT_BYTES,
    .prepare = PREPARE,
    .multiply = multiply,
};
