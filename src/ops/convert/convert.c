#include "ops/convert/convert.h"

#include <math.h>
#include <string.h>

#include "base/half.h"

void dm_bf16_from_floats_reference(const float *x, size_t n, uint16_t *y) {
    for (size_t i = 0; i < n; i++)
        y[i] = dm_bf16_from_float(x[i]);
}

void dm_bf16_pairs_reference(const float *a, const float *b, size_t n, uint32_t *y) {
    for (size_t i = 0; i < n; i++) {
        uint32_t high = b ? dm_bf16_from_float(b[i]) : 0;
        y[i] = dm_bf16_from_float(a[i]) | high << 16;
    }
}

float dm_bytes_from_floats_reference(const float *x, size_t n, uint8_t *y) {
    float max = 0, poison = 0; /* 0, or NaN */
    for (size_t i = 0; i < n; i++) {
        max = fabsf(x[i]) > max ? fabsf(x[i]) : max;
        poison += 0 * x[i];
    }
    float inverse = max > DM_MIN_BYTE_ROW && !isnan(poison) ? 127 / max : 0;
    for (size_t i = 0; i < n; i++)
        y[i] = (uint8_t)(isnan(poison) ? 128 : lrintf(x[i] * inverse) + 128);
    return (inverse > 0 ? max / 127 : 0) + poison;
}

void dm_transpose_reference(const void *x, size_t x_step, size_t n_row, size_t n_column, void *y,
                            size_t y_step) {
    enum { SIZE = sizeof(uint32_t) };
    const unsigned char *from = x;
    unsigned char *to = y;
    for (size_t r = 0; r < n_row; r++)
        for (size_t c = 0; c < n_column; c++)
            memcpy(to + (c * y_step + r) * SIZE, from + (r * x_step + c) * SIZE, SIZE);
}
