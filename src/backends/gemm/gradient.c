/* dweight += dy' x is a product too: x is its weight, and tokens are its inputs, in chunks. The threads
 * pack some chunks of x together; then a piece is a tile, some rows and columns of dweight: its thread
 * transposes the tile's part of dy, chunk by chunk, and adds the product with x. So an element's sum
 * runs over the tokens in order, whoever computes it. */
#include "backends/gemm/gradient.h"

#include "backends/gemm/matrix.h"
#include "backends/gemm/pack.h"

enum {
    chunk_tokens = 512,
    round_bytes = 1 << 19, /* of packed x, so that it stays in the cache; at least a chunk */
    group_columns = 128,   /* of x, packed as one piece */
    column_step = 64,      /* columns of a tile are a multiple of it: whole panels */
    min_tiles = 8,         /* fewer are cut, down to min_rows and column_step */
    min_rows = 32
};

struct gradient {
    const struct dm_matmul_grad *op;
    struct dm_gemm *gemm;
    const struct dm_gemm_kernel *kernel;
    size_t tile_rows, tile_columns;
    size_t n_down, n_across;       /* tiles */
    size_t row_bytes, panel_step;  /* of dy', and of x's panels, in a chunk */
    size_t chunk_bytes;            /* of packed x */
    size_t floats_bytes, dy_bytes; /* of a tile's part of dy */
    size_t token, n_chunk;         /* of the round */
    unsigned char *x;              /* [n_chunk], packed */
    bool failed;
};

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

static size_t divide_up(size_t a, size_t b) {
    return (a + b - 1) / b;
}

struct chunk {
    size_t first, n; /* tokens */
    size_t n_unit;
    uint32_t *x; /* packed */
};

static struct chunk chunk_of(const struct gradient *g, size_t index) {
    const struct dm_gemm_kernel *kernel = g->kernel;
    size_t first = g->token + index * chunk_tokens;
    size_t n = smaller(g->op->n_token - first, chunk_tokens);
    size_t n_unit = divide_up(n, kernel->unit * kernel->whole_units) * kernel->whole_units;
    return (struct chunk){first, n, n_unit, (uint32_t *)(void *)(g->x + index * g->chunk_bytes)};
}

/* Some columns of x in a chunk. */
static void pack_piece(void *context, size_t piece) {
    const struct gradient *g = context;
    size_t n_group = divide_up(g->op->n_in, group_columns);
    size_t column = piece % n_group * group_columns;
    const struct chunk chunk = chunk_of(g, piece / n_group);
    const struct dm_packing packing = {.convert = &g->gemm->convert,
                                       .kernel = g->kernel,
                                       .panels = chunk.x,
                                       .panel_step = g->panel_step,
                                       .n_term = 1};
    const struct dm_part part = {
        g->op->x + chunk.first * g->op->n_in + column, g->op->n_in, true, 0, chunk.n, column,
        smaller(g->op->n_in - column, group_columns)};
    size_t n_unit = divide_up(chunk.n, g->kernel->unit);
    dm_pack(&packing, &part);
    if (column == 0)
        dm_pack_zeros(&packing, n_unit, chunk.n_unit, g->op->n_in);
}

/* A tile's rows of dy' as the kernel takes them. */
static const void *transpose_dy(const struct gradient *g, const struct chunk *chunk, size_t row,
                                size_t n_row, unsigned char *bytes) {
    float *floats = (float *)(void *)bytes;
    unsigned char *rows = bytes + g->floats_bytes;
    g->gemm->convert.transpose(g->op->dy + chunk->first * g->op->n_out + row, g->op->n_out,
                               chunk->n, n_row, floats, chunk_tokens);
    if (!g->kernel->prepare)
        return floats;
    for (size_t r = 0; r < n_row; r++)
        g->kernel->prepare(floats + r * chunk_tokens, chunk->n, rows + r * g->row_bytes,
                           chunk->n_unit * g->kernel->unit_bytes);
    return rows;
}

static void multiply_tile(const struct gradient *g, size_t row, size_t column,
                          unsigned char *bytes) {
    size_t n_row = smaller(g->op->n_out - row, g->tile_rows);
    float *dweight = g->op->dweight + row * g->op->n_in + column;
    for (size_t c = 0; c < g->n_chunk; c++) {
        const struct chunk chunk = chunk_of(g, c);
        const struct dm_gemm_block block = {
            .n_row = n_row,
            .n_column = smaller(g->op->n_in - column, g->tile_columns),
            .n_unit = chunk.n_unit,
            .x = transpose_dy(g, &chunk, row, n_row, bytes),
            .x_step = g->row_bytes,
            .panels = chunk.x + column / g->kernel->columns * g->panel_step,
            .panel_step = g->panel_step,
            .before = dweight,
            .before_step = g->op->n_in,
            .y = dweight,
            .y_step = g->op->n_in};
        g->kernel->multiply(&block);
    }
}

static void tile_piece(void *context, size_t piece) {
    struct gradient *g = context;
    struct dm_gemm_memory *memory = &g->gemm->memory;
    struct dm_workspace *workspace =
        dm_workspace_take(memory, &memory->of_threads, g->floats_bytes + g->dy_bytes);
    if (!workspace) {
        __atomic_store_n(&g->failed, true, __ATOMIC_RELAXED);
        return;
    }
    multiply_tile(g, piece / g->n_across * g->tile_rows, piece % g->n_across * g->tile_columns,
                  workspace->bytes);
    dm_workspace_give_back(memory, &memory->of_threads, workspace);
}

/* ---- The whole ---- */

static void choose_tiles(struct gradient *g) {
    size_t n_out = g->op->n_out, n_in = g->op->n_in;
    g->tile_rows = DM_ROW_BLOCK;
    while (g->tile_rows > min_rows && divide_up(n_out, g->tile_rows) < min_tiles)
        g->tile_rows /= 2;
    g->n_down = divide_up(n_out, g->tile_rows);
    size_t across = g->n_down < min_tiles ? divide_up(min_tiles, g->n_down) : 1;
    g->tile_columns = divide_up(divide_up(n_in, across), column_step) * column_step;
    g->n_across = divide_up(n_in, g->tile_columns);
}

static void measure(struct gradient *g) {
    const struct dm_gemm_kernel *kernel = g->kernel;
    size_t n_unit = divide_up(chunk_tokens, kernel->unit);
    g->row_bytes = n_unit * kernel->unit_bytes;
    g->panel_step = n_unit * kernel->columns;
    g->chunk_bytes = divide_up(g->op->n_in, kernel->columns) * g->panel_step * sizeof(uint32_t);
    g->floats_bytes = g->tile_rows * chunk_tokens * sizeof(float);
    g->dy_bytes = kernel->prepare ? g->tile_rows * g->row_bytes : 0;
}

dm_status dm_gemm_gradient(void *gemm, const struct dm_matmul_grad *op, struct dm_threads *threads,
                           dm_error *error) {
    struct gradient g = {.op = op, .gemm = gemm};
    struct dm_gemm_memory *memory = &g.gemm->memory;
    if (!op->n_token)
        return DM_OK;
    g.kernel = dm_gemm_kernel(op->compute, g.gemm->flags);
    choose_tiles(&g);
    measure(&g);
    size_t n_left = divide_up(op->n_token, chunk_tokens);
    size_t most = round_bytes / g.chunk_bytes;
    most = smaller(n_left, most ? most : 1);
    dm_status status = dm_workspaces_need(memory, g.floats_bytes + g.dy_bytes, error);
    if (status)
        return status;
    struct dm_workspace *shared =
        dm_workspace_take(memory, &memory->of_calls, most * g.chunk_bytes);
    if (!shared)
        return dm_fail_memory(error, "a weight's gradient");
    g.x = shared->bytes;
    for (; n_left && !g.failed; n_left -= g.n_chunk) {
        g.n_chunk = smaller(n_left, most);
        dm_parallel_for(threads, g.n_chunk * divide_up(op->n_in, group_columns), pack_piece, &g);
        dm_parallel_for(threads, g.n_down * g.n_across, tile_piece, &g);
        g.token += g.n_chunk * chunk_tokens;
    }
    dm_workspace_give_back(memory, &memory->of_calls, shared);
    return g.failed ? dm_fail_memory(error, "a weight's gradient") : DM_OK;
}
