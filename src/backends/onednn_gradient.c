/* dweight += dy' x is a product too: x is its weight, tokens are its inputs, in chunks. A piece is
 * a tile of dweight's rows: its thread transposes the tile's part of dy, chunk by chunk, and adds
 * the product with x, which the threads have packed together before, some chunks in a round. Where
 * there is one tile only, a piece is a slice of its columns, and its thread packs that part of x
 * too. Either way an element's sum runs over the tokens in order, whoever computes it. */
#include "backends/onednn_gradient.h"

#include <string.h>

#include "backends/onednn_pack.h"
#include "base/memory.h"

enum {
    chunk_bytes = 2048,    /* of a row of dy': 512 tokens, in bf16 1,024 */
    token_step = 64,       /* zeros fill the last chunk up to a multiple of this */
    round_bytes = 1 << 19, /* of packed x, so that it stays in the cache, at least a chunk */
    group_columns = 128,   /* of x, packed as one piece */
    wide_slice = 256,      /* columns, where that gives min_slices; else DM_COLUMN_BLOCK */
    min_slices = 4,
    min_tiles = 8, /* fewer are cut, down to min_rows */
    min_rows = 32
};

struct gradient {
    const struct dm_matmul_grad *op;
    struct dm_matmul_context *context;
    /* of a whole chunk or the last one; of any slice or the last one */
    const struct dm_kernel *kernels[2][2];
    size_t element, chunk_tokens;
    size_t tile_rows, n_tile;
    size_t slice_columns, n_slice;           /* more than one of one tile only */
    size_t tile_bytes, slice_bytes, y_bytes; /* of dy, of x in a whole chunk, of their product */
    size_t token, n_chunk;                   /* of the round */
    unsigned char *x;                        /* [chunk]: packed, of more than one tile */
    dnnl_status_t failure;
};

static size_t min(size_t a, size_t b) {
    return a < b ? a : b;
}

static size_t divide_up(size_t a, size_t b) {
    return (a + b - 1) / b;
}

static size_t columns_of_slice(const struct gradient *g, size_t slice) {
    return min(g->slice_columns, g->op->n_in - slice * g->slice_columns);
}

struct chunk {
    size_t first, n, n_padded; /* tokens */
};

static struct chunk chunk_of(const struct gradient *g, size_t index) {
    size_t first = g->token + index * g->chunk_tokens;
    size_t n = min(g->op->n_token - first, g->chunk_tokens);
    return (struct chunk){first, n, divide_up(n, token_step) * token_step};
}

static const struct dm_kernel *kernel_of(const struct gradient *g, const struct chunk *chunk,
                                         size_t slice) {
    return g->kernels[chunk->n < g->chunk_tokens][slice + 1 == g->n_slice];
}

/* ---- Feeding: x and dy of a chunk as the product takes them ---- */

/* Columns [column, column + n) of a slice. */
static void pack_x(const struct gradient *g, const struct chunk *chunk, size_t slice, size_t column,
                   size_t n, unsigned char *packed) {
    const struct dm_packing packing = {&g->context->convert, kernel_of(g, chunk, slice), packed};
    const struct dm_part part = {.data = g->op->x + chunk->first * g->op->n_in +
                                         slice * g->slice_columns + column,
                                 .step = g->op->n_in,
                                 .transposed = true,
                                 .n_in = chunk->n,
                                 .column = column,
                                 .n_out = n};
    dm_pack_zeros(&packing, chunk->n, chunk->n_padded, column, n);
    dm_pack(&packing, &part);
}

static void transpose_bf16(const struct gradient *g, const struct chunk *chunk, const float *dy,
                           size_t n_row, unsigned char *out) {
    enum { PAIRS = 16 };
    const struct dm_convert *convert = &g->context->convert;
    uint32_t pairs[PAIRS][DM_TILE_ROWS], *to = (uint32_t *)(void *)out;
    for (size_t t = 0; t < chunk->n; t += (size_t)2 * PAIRS) {
        size_t n = min(chunk->n - t, (size_t)2 * PAIRS), step = g->op->n_out;
        for (size_t i = DM_ROWS_AHEAD; i < DM_ROWS_AHEAD + n && t + i < chunk->n; i++)
            dm_prefetch_row(dy + (t + i) * step, n_row);
        for (size_t i = 0; i < n; i += 2) {
            const float *row = dy + (t + i) * step;
            convert->bf16_pairs(row, i + 1 < n ? row + step : NULL, n_row, pairs[i / 2]);
        }
        convert->transpose(pairs, DM_TILE_ROWS, (n + 1) / 2, n_row, to + t / 2,
                           chunk->n_padded / 2);
    }
}

/* A tile's rows of dy', each of n_padded tokens. */
static void transpose_dy(const struct gradient *g, const struct chunk *chunk, size_t row,
                         size_t n_row, unsigned char *out) {
    const float *dy = g->op->dy + chunk->first * g->op->n_out + row;
    if (chunk->n < chunk->n_padded)
        memset(out, 0, g->tile_bytes);
    if (g->element == sizeof(uint16_t))
        transpose_bf16(g, chunk, dy, n_row, out);
    else
        g->context->convert.transpose(dy, g->op->n_out, chunk->n, n_row, out, chunk->n_padded);
}

static void feed_piece(void *context, size_t piece) {
    const struct gradient *g = context;
    size_t n_group = divide_up(g->op->n_in, group_columns);
    size_t column = piece % n_group * group_columns;
    const struct chunk chunk = chunk_of(g, piece / n_group);
    pack_x(g, &chunk, 0, column, min(g->op->n_in - column, group_columns),
           g->x + piece / n_group * g->slice_bytes);
}

/* ---- Multiplying ---- */

struct piece {
    struct dm_runner *runner;
    size_t slice, n_row;
    unsigned char *dy, *x; /* of a chunk, as the product takes them */
    float *y;              /* [n_row, columns of the slice] */
    unsigned char *scratch;
};

/* y += dy' x of a chunk. */
static dnnl_status_t add_product(const struct gradient *g, const struct chunk *chunk,
                                 const struct piece *piece) {
    const struct dm_kernel *kernel = kernel_of(g, chunk, piece->slice);
    size_t row_bytes = chunk->n_padded * g->element, row = 0;
    dnnl_status_t status = dnnl_success;
    for (int i = DM_TILE_LOG2; i >= 0 && !status; i--)
        for (; piece->n_row - row >= (size_t)1 << i && !status; row += (size_t)1 << i)
            status = dm_runner_run(piece->runner, kernel, i, piece->dy + row * row_bytes, piece->x,
                                   piece->y + row * kernel->product.n_out, piece->scratch);
    return status;
}

/* What a piece takes of a workspace: its part of dy; of one tile, its part of x and of dweight; and
 * oneDNN's own. */
static size_t workspace_bytes(const struct gradient *g) {
    size_t scratch = 0;
    for (int i = 0; i < 4; i++)
        if (g->kernels[i / 2][i % 2] && g->kernels[i / 2][i % 2]->scratch_bytes > scratch)
            scratch = g->kernels[i / 2][i % 2]->scratch_bytes;
    return g->tile_bytes + (g->n_tile == 1 ? g->slice_bytes + g->y_bytes : 0) +
           dm_round_up(scratch);
}

static dnnl_status_t multiply_tile(const struct gradient *g, size_t tile,
                                   struct dm_workspace *workspace) {
    size_t row = tile * g->tile_rows;
    struct piece piece = {.runner = &workspace->runner,
                          .n_row = min(g->op->n_out - row, g->tile_rows),
                          .dy = workspace->bytes,
                          .y = g->op->dweight + row * g->op->n_in,
                          .scratch = workspace->bytes + g->tile_bytes};
    dnnl_status_t status = dnnl_success;
    for (size_t c = 0; c < g->n_chunk && !status; c++) {
        const struct chunk chunk = chunk_of(g, c);
        piece.x = g->x + c * g->slice_bytes;
        transpose_dy(g, &chunk, row, piece.n_row, piece.dy);
        status = add_product(g, &chunk, &piece);
    }
    return status;
}

/* Rows of a slice of dweight lie apart: the sum is made in the workspace. */
static dnnl_status_t multiply_slice(const struct gradient *g, size_t slice,
                                    struct dm_workspace *workspace) {
    size_t n_in = g->op->n_in, columns = columns_of_slice(g, slice);
    unsigned char *x = workspace->bytes + g->tile_bytes, *y = x + g->slice_bytes;
    const struct piece piece = {.runner = &workspace->runner,
                                .slice = slice,
                                .n_row = g->op->n_out,
                                .dy = workspace->bytes,
                                .x = x,
                                .y = (float *)(void *)y,
                                .scratch = y + g->y_bytes};
    float *dweight = g->op->dweight + slice * g->slice_columns;
    dnnl_status_t status = dnnl_success;
    for (size_t r = 0; r < piece.n_row; r++)
        memcpy(piece.y + r * columns, dweight + r * n_in, columns * sizeof *dweight);
    for (size_t c = 0; c < g->n_chunk && !status; c++) {
        const struct chunk chunk = chunk_of(g, c);
        transpose_dy(g, &chunk, 0, piece.n_row, piece.dy);
        pack_x(g, &chunk, slice, 0, columns, piece.x);
        status = add_product(g, &chunk, &piece);
    }
    for (size_t r = 0; r < piece.n_row && !status; r++)
        memcpy(dweight + r * n_in, piece.y + r * columns, columns * sizeof *dweight);
    return status;
}

static void multiply_piece(void *context, size_t piece) {
    struct gradient *g = context;
    struct dm_workspace *workspace =
        dm_workspace_take(g->context, &g->context->workspaces, workspace_bytes(g));
    dnnl_status_t status = dnnl_out_of_memory;
    if (workspace) {
        int n_thread = dm_onednn_alone();
        status = (g->n_tile > 1 ? multiply_tile : multiply_slice)(g, piece, workspace);
        dm_onednn_together(n_thread);
        dm_workspace_give_back(g->context, &g->context->workspaces, workspace);
    }
    if (status)
        __atomic_store_n(&g->failure, status, __ATOMIC_RELAXED);
}

/* ---- The whole ---- */

static void choose_pieces(struct gradient *g) {
    size_t n_out = g->op->n_out, n_in = g->op->n_in;
    g->element = g->op->compute == DM_DTYPE_BF16 ? sizeof(uint16_t) : sizeof(float);
    g->chunk_tokens = chunk_bytes / g->element;
    g->tile_rows = DM_TILE_ROWS;
    while (n_out > DM_TILE_ROWS && g->tile_rows > min_rows &&
           divide_up(n_out, g->tile_rows) < min_tiles)
        g->tile_rows /= 2;
    g->n_tile = divide_up(n_out, g->tile_rows);
    g->slice_columns = n_in;
    if (g->n_tile == 1)
        g->slice_columns = min(n_in, n_in < wide_slice * min_slices ? DM_COLUMN_BLOCK : wide_slice);
    g->n_slice = divide_up(n_in, g->slice_columns);
}

static dm_status find_kernels(struct gradient *g, dm_error *error) {
    const struct dm_matmul_grad *op = g->op;
    size_t whole = op->n_token / g->chunk_tokens * g->chunk_tokens;
    size_t n_tokens[] = {whole ? g->chunk_tokens : 0,
                         divide_up(op->n_token - whole, token_step) * token_step};
    size_t columns[] = {g->slice_columns, columns_of_slice(g, g->n_slice - 1)};
    dm_status status = DM_OK;
    for (int i = 0; i < 4 && !status; i++) {
        const struct dm_product product = {.n_in = n_tokens[i / 2],
                                           .n_out = columns[i % 2],
                                           .compute = op->compute,
                                           .accumulate = true};
        if (product.n_in)
            status =
                dm_kernel_find(&g->context->onednn, &product, &g->kernels[i / 2][i % 2], error);
    }
    return status;
}

static void measure_pieces(struct gradient *g) {
    const struct dm_kernel *kernel = g->kernels[g->op->n_token < g->chunk_tokens][0];
    g->tile_bytes = dm_round_up(g->tile_rows * kernel->product.n_in * g->element);
    g->slice_bytes = dm_round_up(dm_kernel_weight_bytes(kernel));
    g->y_bytes = dm_round_up(g->tile_rows * g->slice_columns * sizeof(float));
}

/* Tile by tile: x is packed once. */
static dm_status run_tiles(struct gradient *g, struct dm_threads *threads, dm_error *error) {
    size_t n_max = round_bytes / g->slice_bytes,
           n_left = divide_up(g->op->n_token, g->chunk_tokens);
    n_max = min(n_left, n_max ? n_max : 1);
    struct dm_matmul_context *context = g->context;
    struct dm_workspace *packed =
        dm_workspace_take(context, &context->shared, n_max * g->slice_bytes);
    if (!packed)
        return dm_fail_memory(error, "a weight's gradient");
    g->x = packed->bytes;
    for (; n_left && !g->failure; n_left -= g->n_chunk) {
        g->n_chunk = min(n_left, n_max);
        dm_parallel_for(threads, g->n_chunk * divide_up(g->op->n_in, group_columns), feed_piece, g);
        dm_parallel_for(threads, g->n_tile, multiply_piece, g);
        g->token += g->n_chunk * g->chunk_tokens;
    }
    dm_workspace_give_back(context, &context->shared, packed);
    return DM_OK;
}

dm_status dm_onednn_gradient(struct dm_matmul_context *context, const struct dm_matmul_grad *op,
                             struct dm_threads *threads, dm_error *error) {
    struct gradient g = {.op = op, .context = context};
    if (!op->n_token)
        return DM_OK;
    choose_pieces(&g);
    dm_status status = find_kernels(&g, error);
    if (status)
        return status;
    measure_pieces(&g);
    status = dm_matmul_context_need(context, workspace_bytes(&g), error);
    if (!status && !dm_memory_has_room()) /* the workspaces may have taken it */
        status = dm_fail_memory(error, "a weight's gradient");
    if (status)
        return status;
    if (g.n_tile > 1) {
        status = run_tiles(&g, threads, error);
    } else {
        g.n_chunk = divide_up(op->n_token, g.chunk_tokens);
        dm_parallel_for(threads, g.n_slice, multiply_piece, &g);
    }
    if (!status && g.failure)
        status = dm_onednn_fail(error, g.failure, "a weight's gradient");
    return status;
}
