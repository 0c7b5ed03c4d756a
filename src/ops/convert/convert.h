/* What matrix products are fed with: numbers rounded to bf16 or to 8 bits, and transposed.
 *
 * In 8 bits a row is x[i] = scale * (y[i] - 128), scale = max |x| / 127: symmetric, as unsigned
 * bytes, which every instruction set multiplies with signed ones.
 *
 * A pair is two bf16 in 32 bits, the first in the lower half, as products in bf16 take weights.
 * Pairs and floats are both moved as 32 bits. */
#ifndef DM_OPS_CONVERT_H
#define DM_OPS_CONVERT_H

#include <stddef.h>
#include <stdint.h>

#define DM_MIN_BYTE_ROW 1e-37f /* a row with no larger element counts as zeros */

struct dm_convert {
    /* y[i] = the bf16 nearest to x[i], with the bits of dm_bf16_from_float. */
    void (*bf16_from_floats)(const float *x, size_t n, uint16_t *y);
    /* y[i] = the pair of a[i] and b[i]; of a[i] and 0 where b is NULL. */
    void (*bf16_pairs)(const float *a, const float *b, size_t n, uint32_t *y);
    /* x [n] in 8 bits, ties to even; returns the scale: 0 for a row of zeros (or of nothing above
     * 1e-37), NaN where not every x is finite. */
    float (*bytes_from_floats)(const float *x, size_t n, uint8_t *y);
    /* y[c,r] = x[r,c] for n_row rows and n_column columns, of 32 bits each; x_step and y_step are
     * the distances between their rows. */
    void (*transpose)(const void *x, size_t x_step, size_t n_row, size_t n_column, void *y,
                      size_t y_step);
};

void dm_bf16_from_floats_reference(const float *x, size_t n, uint16_t *y);
void dm_bf16_pairs_reference(const float *a, const float *b, size_t n, uint32_t *y);
float dm_bytes_from_floats_reference(const float *x, size_t n, uint8_t *y);
void dm_transpose_reference(const void *x, size_t x_step, size_t n_row, size_t n_column, void *y,
                            size_t y_step);

#endif
