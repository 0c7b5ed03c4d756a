/* float32 as the sum of three bf16, its 24 bits as three times 8: a number's nearest bf16, the nearest
 * one of what that leaves, and the rest, which is exact. A row of x and a column of a weight have three
 * parts of as many units each, and a product is six of bf16, added from the smallest on.
 *
 * The first terms are off by 2^-9 at most, the first two by 2^-18. So the three products that are left
 * out (second by third, third by second, third by third) are at most 2^-26 of the product of the two
 * numbers, less than what a float32 sum rounds away; with the first three products alone it would be
 * 2^-16.4 (1.1e-5). Numbers whose nearest bf16 is not finite (beyond 3.39e38) become NaN. */
#ifndef DM_BACKENDS_GEMM_TERMS_H
#define DM_BACKENDS_GEMM_TERMS_H

#include <stddef.h>
#include <string.h>

#include "ops/convert/convert.h"

enum { DM_MAX_TERMS = 3, DM_MAX_TERM_PRODUCTS = 6 };

/* Which terms of x and of the weight are multiplied: of n terms the last n (n + 1) / 2 pairs. */
static const struct {
    unsigned char x, weight;
} dm_term_pairs[DM_MAX_TERM_PRODUCTS] = {{2, 0}, {0, 2}, {1, 1}, {1, 0}, {0, 1}, {0, 0}};

/* Takes the nearest bf16 away from each float. */
static inline void dm_take_term(const struct dm_convert *convert, size_t n, float *floats) {
    enum { AT_ONCE = 256 };
    uint16_t halves[AT_ONCE];
    for (size_t i = 0, some; i < n; i += some) {
        some = n - i < AT_ONCE ? n - i : AT_ONCE;
        convert->bf16_from_floats(floats + i, some, halves);
        for (size_t k = 0; k < some; k++) {
            uint32_t bits = (uint32_t)halves[k] << 16;
            float term;
            memcpy(&term, &bits, sizeof term);
            floats[i + k] -= term;
        }
    }
}

#endif
