#include "backends/onednn_pack.h"

#include <string.h>

static uint32_t *unit(const struct dm_packing *packing, size_t k, size_t column) {
    const struct dm_layout *layout = &packing->kernel->layout;
    return (uint32_t *)packing->packed + column / layout->columns * layout->block +
           k * layout->columns + column % layout->columns;
}

/* Columns that lie in one block, from rows of inputs. */
static void pack_rows(const struct dm_packing *packing, const struct dm_part *part) {
    packing->convert->transpose(part->data, part->step, part->n_out, part->n_in,
                                unit(packing, part->input, part->column),
                                packing->kernel->layout.columns);
}

static void pack_rows_bf16(const struct dm_packing *packing, const struct dm_part *part) {
    enum { ROWS = 16, INPUTS = 512 };
    const struct dm_convert *convert = packing->convert;
    uint16_t halves[ROWS][INPUTS];
    for (size_t c = 0, n_row; c < part->n_out; c += n_row) {
        n_row = part->n_out - c < ROWS ? part->n_out - c : ROWS;
        for (size_t i = 0, n; i < part->n_in; i += n) {
            n = part->n_in - i < INPUTS ? part->n_in - i : INPUTS;
            for (size_t r = 0; r < n_row; r++) {
                convert->bf16_from_floats(part->data + (c + r) * part->step + i, n, halves[r]);
                if (n % 2)
                    halves[r][n] = 0;
            }
            convert->transpose(halves, INPUTS / 2, n_row, (n + 1) / 2,
                               unit(packing, (part->input + i) / 2, part->column + c),
                               packing->kernel->layout.columns);
        }
    }
}

/* The same from rows of columns. */
static void prefetch_row(const struct dm_part *part, size_t i) {
    if (i < part->n_in)
        dm_prefetch_row(part->data + i * part->step, part->n_out);
}

static void pack_transposed(const struct dm_packing *packing, const struct dm_part *part) {
    for (size_t i = 0; i < part->n_in; i++) {
        prefetch_row(part, i + DM_ROWS_AHEAD);
        memcpy(unit(packing, part->input + i, part->column), part->data + i * part->step,
               part->n_out * sizeof(float));
    }
}

static void pack_transposed_bf16(const struct dm_packing *packing, const struct dm_part *part) {
    for (size_t i = 0; i < part->n_in; i += 2) {
        const float *row = part->data + i * part->step;
        prefetch_row(part, i + DM_ROWS_AHEAD);
        prefetch_row(part, i + DM_ROWS_AHEAD + 1);
        packing->convert->bf16_pairs(row, i + 1 < part->n_in ? row + part->step : NULL, part->n_out,
                                     unit(packing, (part->input + i) / 2, part->column));
    }
}

/* How many of the n_out columns from `column` on lie in the first one's block. */
static size_t in_block(const struct dm_packing *packing, size_t column, size_t n_out) {
    size_t columns = packing->kernel->layout.columns, left = columns - column % columns;
    return n_out < left ? n_out : left;
}

void dm_pack(const struct dm_packing *packing, const struct dm_part *part) {
    bool is_bf16 = packing->kernel->product.compute == DM_DTYPE_BF16;
    struct dm_part piece = *part;
    for (size_t c = 0; c < part->n_out; c += piece.n_out) {
        piece.data = part->data + c * (part->transposed ? 1 : part->step);
        piece.column = part->column + c;
        piece.n_out = in_block(packing, piece.column, part->n_out - c);
        if (part->transposed)
            (is_bf16 ? pack_transposed_bf16 : pack_transposed)(packing, &piece);
        else
            (is_bf16 ? pack_rows_bf16 : pack_rows)(packing, &piece);
    }
}

void dm_pack_zeros(const struct dm_packing *packing, size_t input, size_t end, size_t column,
                   size_t n_out) {
    size_t pair = packing->kernel->product.compute == DM_DTYPE_BF16 ? 2 : 1;
    for (size_t c = 0, n; c < n_out; c += n) {
        n = in_block(packing, column + c, n_out - c);
        for (size_t k = input / pair; k < end / pair; k++)
            memset(unit(packing, k, column + c), 0, n * sizeof(uint32_t));
    }
}

/* A few rows at a time through float32. */
static void pack_stored(const struct dm_packing *packing, const struct dm_matrix_source *source) {
    enum { ROWS = 16, LENGTH = 512 };
    float floats[ROWS * LENGTH];
    size_t n_row = source->transposed ? source->n_in : source->n_out;
    size_t length = source->transposed ? source->n_out : source->n_in;
    for (size_t row = 0; row < n_row; row += ROWS)
        for (size_t first = 0; first < length; first += LENGTH) {
            size_t rows = n_row - row < ROWS ? n_row - row : ROWS;
            size_t n = length - first < LENGTH ? length - first : LENGTH;
            for (size_t r = 0; r < rows; r++)
                dm_reals_from(source->data, source->dtype, (row + r) * length + first, n,
                              floats + r * LENGTH);
            bool transposed = source->transposed;
            const struct dm_part part = {.data = floats,
                                         .step = LENGTH,
                                         .transposed = transposed,
                                         .input = transposed ? row : first,
                                         .n_in = transposed ? rows : n,
                                         .column = transposed ? first : row,
                                         .n_out = transposed ? n : rows};
            dm_pack(packing, &part);
        }
}

void dm_pack_matrix(const struct dm_packing *packing, const struct dm_matrix_source *source) {
    size_t n_in = source->n_in, n_out = source->n_out;
    const struct dm_part all = {.data = source->data,
                                .step = source->transposed ? n_out : n_in,
                                .transposed = source->transposed,
                                .n_in = n_in,
                                .n_out = n_out};
    if (source->dtype == DM_DTYPE_AUTO)
        dm_pack(packing, &all);
    else
        pack_stored(packing, source);
}
