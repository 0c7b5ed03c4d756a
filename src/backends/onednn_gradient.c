/* dweight += dy' x is a product too: x is its weight, tokens are its inputs. The tokens are taken
 * in chunks, some chunks in a round. In a round the threads first pack x by slices of columns and
 * transpose dy by tiles of rows, then multiply every tile by every slice, chunk after chunk, on top
 * of what dweight holds. So each element's sum runs over the tokens in order, whoever computes it,
 * and x and dy are read once. Of a large dweight a panel of rows is done at a time. */
#include "backends/onednn_gradient.h"

#include <string.h>

#include "backends/onednn_pack.h"
#include "base/memory.h"

enum {
    chunk_tokens = 512,
    token_step = 64, /* zeros fill the last chunk up to a multiple of this */
    round_chunks = 4,
    panel_rows = 2048,
    group_tiles = 4, /* transposed as one piece */
    wide_slice = 256,
    narrow_slice = 64, /* where wide ones would give less than least_pieces */
    least_pieces = 16
};

struct gradient {
    const struct dm_matmul_grad *op;
    struct dm_workshop *workshop;
    const struct dm_kernel
        *kernels[2][2]; /* of a whole chunk or the last, all slices or the last */
    size_t slice_columns, n_slice, slice_bytes, tile_bytes; /* bytes in a whole chunk */
    size_t token, n_chunk;                                  /* of the round */
    size_t row, n_row, n_tile;                              /* of the panel */
    size_t n_filled_slice;                                  /* n_slice, or 0 once x is packed */
    unsigned char *x, *dy;                                  /* [chunk][slice], [chunk][tile] */
    dnnl_status_t failure;
};

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

static size_t divide_up(size_t a, size_t b) {
    return (a + b - 1) / b;
}

static size_t columns_of_slice(const struct gradient *g, size_t slice) {
    return least(g->slice_columns, g->op->n_in - slice * g->slice_columns);
}

static const struct dm_kernel *kernel_of(const struct gradient *g, size_t n_token, size_t slice) {
    return g->kernels[n_token < chunk_tokens][slice + 1 == g->n_slice];
}

/* ---- Feeding: x and dy of a chunk as the product takes them ---- */

struct chunk {
    size_t first, n, n_padded; /* tokens */
};

static struct chunk chunk_of(const struct gradient *g, size_t index) {
    size_t first = g->token + index * chunk_tokens;
    size_t n = least(g->op->n_token - first, chunk_tokens);
    return (struct chunk){first, n, divide_up(n, token_step) * token_step};
}

static unsigned char *x_at(const struct gradient *g, size_t chunk, size_t slice) {
    return g->x + (chunk * g->n_slice + slice) * g->slice_bytes;
}

static unsigned char *dy_at(const struct gradient *g, size_t chunk, size_t tile) {
    return g->dy + (chunk * g->n_tile + tile) * g->tile_bytes;
}

static void pack_x(const struct gradient *g, size_t index, size_t slice) {
    const struct chunk chunk = chunk_of(g, index);
    size_t n_in = g->op->n_in, column = slice * g->slice_columns;
    size_t columns = columns_of_slice(g, slice);
    const struct dm_packing packing = {&g->workshop->convert, kernel_of(g, chunk.n, slice),
                                       x_at(g, index, slice)};
    const struct dm_part part = {
        g->op->x + chunk.first * n_in + column, n_in, true, 0, chunk.n, 0, columns};
    if (chunk.n < chunk.n_padded || columns % DM_COLUMN_BLOCK)
        memset(packing.packed, 0, dm_kernel_weight_bytes(packing.kernel));
    dm_pack(&packing, &part);
}

/* The tile's rows of dy', each of n_padded tokens. */
static void transpose_bf16(const struct gradient *g, const struct chunk *chunk, const float *dy,
                           size_t n_row, unsigned char *out) {
    enum { PAIRS = 16 };
    const struct dm_convert *convert = &g->workshop->convert;
    uint32_t pairs[PAIRS][DM_TILE_ROWS], *to = (uint32_t *)(void *)out;
    for (size_t t = 0; t < chunk->n; t += (size_t)2 * PAIRS) {
        size_t n = least(chunk->n - t, (size_t)2 * PAIRS), step = g->op->n_out;
        for (size_t i = 0; i < n; i += 2) {
            const float *row = dy + (t + i) * step;
            convert->bf16_pairs(row, i + 1 < n ? row + step : NULL, n_row, pairs[i / 2]);
        }
        convert->transpose(pairs, DM_TILE_ROWS, (n + 1) / 2, n_row, to + t / 2,
                           chunk->n_padded / 2);
    }
}

static void transpose_dy(const struct gradient *g, size_t index, size_t group) {
    const struct chunk chunk = chunk_of(g, index);
    size_t n_out = g->op->n_out;
    for (size_t tile = group * group_tiles;
         tile < least(g->n_tile, (group + 1) * (size_t)group_tiles); tile++) {
        size_t row = tile * DM_TILE_ROWS, n_row = least(g->n_row - row, DM_TILE_ROWS);
        const float *dy = g->op->dy + chunk.first * n_out + g->row + row;
        unsigned char *out = dy_at(g, index, tile);
        if (chunk.n < chunk.n_padded)
            memset(out, 0, g->tile_bytes);
        if (g->op->compute == DM_DTYPE_BF16)
            transpose_bf16(g, &chunk, dy, n_row, out);
        else
            g->workshop->convert.transpose(dy, n_out, chunk.n, n_row, out, chunk.n_padded);
    }
}

static void feed_piece(void *context, size_t piece) {
    const struct gradient *g = context;
    size_t of_chunk = g->n_filled_slice + divide_up(g->n_tile, group_tiles);
    size_t part = piece % of_chunk;
    if (part < g->n_filled_slice)
        pack_x(g, piece / of_chunk, part);
    else
        transpose_dy(g, piece / of_chunk, part - g->n_filled_slice);
}

/* ---- Multiplying ---- */

/* Adds a chunk's product to the tile y [n_row, columns of the slice]. */
static dnnl_status_t add_chunk(const struct gradient *g, size_t index, size_t tile, size_t slice,
                               size_t n_row, struct dm_bench *bench, float *y, void *scratch) {
    const struct chunk chunk = chunk_of(g, index);
    const struct dm_kernel *kernel = kernel_of(g, chunk.n, slice);
    size_t row_bytes = chunk.n_padded * (g->op->compute == DM_DTYPE_BF16 ? 2 : 4);
    unsigned char *rows = dy_at(g, index, tile);
    dnnl_status_t status = dnnl_success;
    size_t row = 0;
    for (int i = DM_TILE_LOG2; i >= 0 && !status; i--)
        for (; n_row - row >= (size_t)1 << i && !status; row += (size_t)1 << i)
            status = dm_kernel_run(&g->workshop->onednn, kernel, i, bench->stream,
                                   rows + row * row_bytes, x_at(g, index, slice),
                                   y + row * kernel->product.n_out, scratch);
    return status;
}

/* What a piece takes of a bench: its part of dweight, then oneDNN's own. */
static size_t y_bytes(const struct gradient *g) {
    return DM_TILE_ROWS * g->slice_columns * sizeof(float);
}

static size_t bench_bytes(const struct gradient *g) {
    size_t scratch = 0;
    for (int i = 0; i < 4; i++)
        if (g->kernels[i / 2][i % 2] && g->kernels[i / 2][i % 2]->scratch_bytes > scratch)
            scratch = g->kernels[i / 2][i % 2]->scratch_bytes;
    return y_bytes(g) + dm_round_up(scratch);
}

static dnnl_status_t multiply_tile(const struct gradient *g, size_t tile, size_t slice,
                                   struct dm_bench *bench) {
    size_t n_in = g->op->n_in, row = tile * DM_TILE_ROWS;
    size_t n_row = least(g->n_row - row, DM_TILE_ROWS), columns = columns_of_slice(g, slice);
    float *y = (float *)(void *)bench->bytes;
    float *dweight = g->op->dweight + (g->row + row) * n_in + slice * g->slice_columns;
    dnnl_status_t status = dnnl_success;
    for (size_t r = 0; r < n_row; r++)
        memcpy(y + r * columns, dweight + r * n_in, columns * sizeof *y);
    for (size_t c = 0; c < g->n_chunk && !status; c++)
        status = add_chunk(g, c, tile, slice, n_row, bench, y, bench->bytes + y_bytes(g));
    if (!status)
        for (size_t r = 0; r < n_row; r++)
            memcpy(dweight + r * n_in, y + r * columns, columns * sizeof *y);
    return status;
}

static void multiply_piece(void *context, size_t piece) {
    struct gradient *g = context;
    struct dm_bench *bench = dm_workshop_take(g->workshop, &g->workshop->benches, bench_bytes(g));
    dnnl_status_t status = dnnl_out_of_memory;
    if (bench) {
        int n_thread = dm_onednn_alone();
        status = multiply_tile(g, piece % g->n_tile, piece / g->n_tile, bench);
        dm_onednn_together(n_thread);
        dm_workshop_give_back(g->workshop, &g->workshop->benches, bench);
    }
    if (status)
        __atomic_store_n(&g->failure, status, __ATOMIC_RELAXED);
}

/* ---- The whole ---- */

static dm_status find_kernels(struct gradient *g, dm_error *error) {
    const struct dm_matmul_grad *op = g->op;
    size_t whole = op->n_token / chunk_tokens * chunk_tokens;
    size_t n_tokens[] = {whole ? chunk_tokens : 0,
                         divide_up(op->n_token - whole, token_step) * token_step};
    size_t columns[] = {g->slice_columns, columns_of_slice(g, g->n_slice - 1)};
    dm_status status = DM_OK;
    for (int i = 0; i < 4 && !status; i++) {
        const struct dm_product product = {n_tokens[i / 2], columns[i % 2], 0, op->compute, true};
        if (product.n_in)
            status =
                dm_kernel_find(&g->workshop->onednn, &product, &g->kernels[i / 2][i % 2], error);
    }
    return status;
}

static void choose_slices(struct gradient *g) {
    size_t n_tile = divide_up(g->op->n_out, DM_TILE_ROWS);
    bool narrow = n_tile * divide_up(g->op->n_in, wide_slice) < least_pieces;
    g->slice_columns = least(g->op->n_in, narrow ? narrow_slice : wide_slice);
    g->n_slice = divide_up(g->op->n_in, g->slice_columns);
}

static void run_round(struct gradient *g, struct dm_threads *threads) {
    g->n_filled_slice = g->n_slice;
    for (g->row = 0; g->row < g->op->n_out && !g->failure; g->row += panel_rows) {
        g->n_row = least(g->op->n_out - g->row, panel_rows);
        g->n_tile = divide_up(g->n_row, DM_TILE_ROWS);
        size_t of_chunk = g->n_filled_slice + divide_up(g->n_tile, group_tiles);
        dm_parallel_for(threads, g->n_chunk * of_chunk, feed_piece, g);
        dm_parallel_for(threads, g->n_tile * g->n_slice, multiply_piece, g);
        g->n_filled_slice = 0;
    }
}

dm_status dm_onednn_gradient(struct dm_workshop *workshop, const struct dm_matmul_grad *op,
                             struct dm_threads *threads, dm_error *error) {
    struct gradient g = {.op = op, .workshop = workshop};
    if (!op->n_token)
        return DM_OK;
    choose_slices(&g);
    dm_status status = find_kernels(&g, error);
    if (!status)
        status = dm_workshop_need(workshop, bench_bytes(&g), error);
    if (status)
        return status;
    size_t element = op->compute == DM_DTYPE_BF16 ? 2 : 4;
    size_t n_chunk = least(divide_up(op->n_token, chunk_tokens), round_chunks);
    size_t n_tile = divide_up(least(op->n_out, panel_rows), DM_TILE_ROWS);
    const struct dm_kernel *kernel = g.kernels[op->n_token < chunk_tokens][0];
    g.slice_bytes = dm_round_up(dm_kernel_weight_bytes(kernel));
    g.tile_bytes = DM_TILE_ROWS * kernel->product.n_in * element;
    size_t x_bytes = n_chunk * g.n_slice * g.slice_bytes;
    struct dm_bench *table =
        dm_workshop_take(workshop, &workshop->tables, x_bytes + n_chunk * n_tile * g.tile_bytes);
    if (!table)
        return dm_fail_memory(error, "a weight's gradient");
    g.x = table->bytes;
    g.dy = table->bytes + x_bytes;
    for (; g.token < op->n_token && !g.failure; g.token += (size_t)round_chunks * chunk_tokens) {
        g.n_chunk = least(divide_up(op->n_token - g.token, chunk_tokens), round_chunks);
        run_round(&g, threads);
    }
    dm_workshop_give_back(workshop, &workshop->tables, table);
    return g.failure ? dm_onednn_fail(error, g.failure, "a weight's gradient") : DM_OK;
}
