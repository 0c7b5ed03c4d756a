#include "backends/gemm/pack.h"

#include <string.h>

#include "backends/gemm/terms.h"
#include "base/memory.h"

enum { rows_at_a_time = 16, inputs_at_a_time = 512 };

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

/* Where the panels have unit k of a column. */
static uint32_t *unit_of(const struct dm_packing *packing, size_t k, size_t column) {
    size_t columns = packing->kernel->columns;
    return packing->panels + column / columns * packing->panel_step + k * columns +
           column % columns;
}

/* Reads a row ahead of its use: where rows are much longer than the part, hardware does not foresee the
 * next one. */
static void prefetch_row(const struct dm_part *part, size_t row) {
    enum { FLOATS_OF_LINE = 16, AHEAD = 32 };
    if (row + AHEAD < part->n_in)
        for (size_t i = 0; i < part->n_out; i += FLOATS_OF_LINE)
            __builtin_prefetch(part->data + (row + AHEAD) * part->step + i, 0, 2);
}

/* ---- Columns that lie in one panel ---- */

static void pack_rows(const struct dm_packing *packing, const struct dm_part *part) {
    packing->convert->transpose(part->data, part->step, part->n_out, part->n_in,
                                unit_of(packing, part->input, part->column),
                                packing->kernel->columns);
}

static void pack_rows_bf16(const struct dm_packing *packing, const struct dm_part *part) {
    uint16_t halves[rows_at_a_time][inputs_at_a_time];
    for (size_t c = 0, n_row; c < part->n_out; c += n_row) {
        n_row = smaller(part->n_out - c, rows_at_a_time);
        for (size_t i = 0, n; i < part->n_in; i += n) {
            n = smaller(part->n_in - i, inputs_at_a_time);
            for (size_t r = 0; r < n_row; r++) {
                packing->convert->bf16_from_floats(part->data + (c + r) * part->step + i, n,
                                                   halves[r]);
                if (n % 2)
                    halves[r][n] = 0;
            }
            packing->convert->transpose(halves, inputs_at_a_time / 2, n_row, (n + 1) / 2,
                                        unit_of(packing, (part->input + i) / 2, part->column + c),
                                        packing->kernel->columns);
        }
    }
}

static void pack_transposed(const struct dm_packing *packing, const struct dm_part *part) {
    for (size_t i = 0; i < part->n_in; i++) {
        prefetch_row(part, i);
        memcpy(unit_of(packing, part->input + i, part->column), part->data + i * part->step,
               part->n_out * sizeof(float));
    }
}

static void pack_transposed_bf16(const struct dm_packing *packing, const struct dm_part *part) {
    for (size_t i = 0; i < part->n_in; i += 2) {
        const float *row = part->data + i * part->step;
        prefetch_row(part, i);
        prefetch_row(part, i + 1);
        packing->convert->bf16_pairs(row, i + 1 < part->n_in ? row + part->step : NULL, part->n_out,
                                     unit_of(packing, (part->input + i) / 2, part->column));
    }
}

/* ---- Any columns ---- */

void dm_pack(const struct dm_packing *packing, const struct dm_part *part) {
    bool is_bf16 = packing->kernel->unit == 2;
    size_t columns = packing->kernel->columns;
    struct dm_part piece = *part;
    for (size_t c = 0; c < part->n_out; c += piece.n_out) {
        piece.data = part->data + c * (part->transposed ? 1 : part->step);
        piece.column = part->column + c;
        piece.n_out = smaller(part->n_out - c, columns - piece.column % columns);
        if (part->transposed)
            (is_bf16 ? pack_transposed_bf16 : pack_transposed)(packing, &piece);
        else
            (is_bf16 ? pack_rows_bf16 : pack_rows)(packing, &piece);
    }
}

void dm_pack_zeros(const struct dm_packing *packing, size_t unit, size_t end, size_t n_column) {
    size_t columns = packing->kernel->columns;
    for (size_t c = 0; c < n_column; c += columns)
        memset(unit_of(packing, unit, c), 0, (end - unit) * columns * sizeof(uint32_t));
}

/* A part whose floats become what is left of them. */
static void pack_terms(const struct dm_packing *packing, const struct dm_part *part,
                       float *floats) {
    struct dm_packing term = *packing;
    size_t columns = packing->kernel->columns;
    dm_pack(&term, part);
    for (size_t i = 1; i < packing->n_term; i++) {
        dm_take_term(packing->convert, rows_at_a_time * inputs_at_a_time, floats);
        term.panels += packing->term_units * columns;
        dm_pack(&term, part);
    }
}

/* A few rows at a time through float32. */
static void pack_stored(const struct dm_packing *packing, const struct dm_matrix_source *source) {
    float floats[rows_at_a_time * inputs_at_a_time] = {0};
    size_t n_row = source->transposed ? source->n_in : source->n_out;
    size_t length = source->transposed ? source->n_out : source->n_in;
    for (size_t row = 0; row < n_row; row += rows_at_a_time)
        for (size_t first = 0; first < length; first += inputs_at_a_time) {
            size_t rows = smaller(n_row - row, rows_at_a_time);
            size_t n = smaller(length - first, inputs_at_a_time);
            for (size_t r = 0; r < rows; r++)
                dm_source_reals(source, row + r, first, n, floats + r * inputs_at_a_time);
            const struct dm_part part =
                source->transposed
                    ? (struct dm_part){floats, inputs_at_a_time, true, row, rows, first, n}
                    : (struct dm_part){floats, inputs_at_a_time, false, first, n, row, rows};
            pack_terms(packing, &part, floats);
        }
}

void dm_pack_matrix(const struct dm_packing *packing, const struct dm_matrix_source *source) {
    size_t n_in = source->n_in, n_out = source->n_out;
    const struct dm_part all = {
        source->data, source->transposed ? n_out : n_in, source->transposed, 0, n_in, 0, n_out};
    if (source->dtype == DM_DTYPE_AUTO && !source->blocks && packing->n_term == 1)
        dm_pack(packing, &all);
    else
        pack_stored(packing, source);
}

/* ---- 8 bits ---- */

/* A column of the weight, signed, of whole units; returns its scale, and the sum of its bytes. */
static float round_column(const struct dm_convert *convert, const float *floats, size_t n_in,
                          size_t n_byte, unsigned char *bytes, int32_t *sum) {
    float scale = convert->bytes_from_floats(floats, n_in, bytes);
    *sum = 0;
    for (size_t i = 0; i < n_in; i++) {
        *sum += bytes[i] - 128;
        bytes[i] ^= 128;
    }
    memset(bytes + n_in, 0, n_byte - n_in);
    return scale;
}

dm_status dm_pack_bytes(const struct dm_packing *packing, const struct dm_matrix_source *source,
                        float *scale, int32_t *offset, dm_error *error) {
    size_t n_in = source->n_in, n_unit = (n_in + 3) / 4, n_byte = 4 * n_unit;
    float *floats = dm_memory_array(n_in, sizeof *floats);
    unsigned char *bytes = dm_memory_array(n_byte, rows_at_a_time);
    if (floats && bytes)
        for (size_t column = 0, n; column < source->n_out; column += n) {
            n = smaller(source->n_out - column, rows_at_a_time);
            for (size_t i = column; i < column + n; i++) {
                dm_source_reals(source, i, 0, n_in, floats);
                scale[i] = round_column(packing->convert, floats, n_in, n_byte,
                                        bytes + (i - column) * n_byte, &offset[i]);
                offset[i] *= 128;
            }
            packing->convert->transpose(bytes, n_unit, n, n_unit, unit_of(packing, 0, column),
                                        packing->kernel->columns);
        }
    dm_status status = floats && bytes ? DM_OK : dm_fail_memory(error, "a weight");
    dm_memory_free(floats);
    dm_memory_free(bytes);
    return status;
}
