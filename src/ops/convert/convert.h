/* The conversions around matrix products: rounding to bf16 or 8 bits, transposing, and turning the
 * sums of products in 8 bits into floats.
 *
 * In 8 bits a row is x[i] = scale * (y[i] - 128), scale = max |x| / 127: symmetric, as unsigned
 * bytes, which every instruction set multiplies with signed ones.
 *
 * A pair is two bf16 in 32 bits, the first in the lower half, as products in bf16 take weights.
 * Pairs and floats are both moved as 32 bits. */
#ifndef DM_OPS_CONVERT_H
#define DM_OPS_CONVERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of the columns of a weight in 8 bits: scales, and 128 times their sums, by which the products are
 * too large since x is offset by 128. */
struct dm_byte_columns {
    const float *scale;
    const int32_t *offset;
};

#define DM_MIN_BYTE_ROW 1e-37f /* a row with no larger element counts as zeros */

struct dm_convert {
    /* y[i] = the bf16 nearest to x[i], with the bits of dm_bf16_from_float. */
    void (*bf16_from_floats)(const float *x, size_t n, uint16_t *y);
    /* y[i] = the pair of a[i] and b[i]; of a[i] and 0 where b is NULL. */
    void (*bf16_pairs)(const float *a, const float *b, size_t n, uint32_t *y);
    /* x [n] in 8 bits, ties to even; returns the scale: 0 for a row of zeros (or of nothing above
     * 1e-37), NaN where not every x is finite. */
    float (*bytes_from_floats)(const float *x, size_t n, uint8_t *y);
    /* y[i] = (or += where it accumulates) (sum[i] - offset[i]) * (scale[i] * row_scale). */
    void (*floats_from_sums)(const int32_t *sum, const struct dm_byte_columns *columns,
                             float row_scale, size_t n, bool accumulate, float *y);
    /* y[c,r] = x[r,c] for n_row rows and n_column columns, of 32 bits each; x_step and y_step are
     * the distances between their rows. */
    void (*transpose)(const void *x, size_t x_step, size_t n_row, size_t n_column, void *y,
                      size_t y_step);
};

void dm_bf16_from_floats_reference(const float *x, size_t n, uint16_t *y);
void dm_bf16_pairs_reference(const float *a, const float *b, size_t n, uint32_t *y);
float dm_bytes_from_floats_reference(const float *x, size_t n, uint8_t *y);
void dm_floats_from_sums_reference(const int32_t *sum, const struct dm_byte_columns *columns,
                                   float row_scale, size_t n, bool accumulate, float *y);
void dm_transpose_reference(const void *x, size_t x_step, size_t n_row, size_t n_column, void *y,
                            size_t y_step);

#endif
