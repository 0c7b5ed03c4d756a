/* For the tests of the operations: the variants that this processor can run, arrays with guards at
 * both ends, random data, and errors in ulp. */
#ifndef DM_OPS_TEST_VARIANTS_H
#define DM_OPS_TEST_VARIANTS_H

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cpu_features.h"
#include "base/half.h"
#include "base/memory.h"
#include "base/random.h"
#include "ops/ops.h"

enum { MAX_VARIANTS = 3, GUARD = 21 };
#define GUARD_BITS 0x7fa5a5a5u

/* Fills `ops` [MAX_VARIANTS], the reference first; how many there are. */
static inline size_t list_variants(struct dm_ops *ops) {
    size_t n = 1;
    dm_reference_ops(&ops[0]);
#if defined(__x86_64__)
    if (dm_cpu_features() & DM_CPU_AVX2) {
        dm_reference_ops(&ops[n]);
        dm_ops_avx2(&ops[n++]);
    }
    if (dm_cpu_features() & DM_CPU_AVX512) {
        dm_reference_ops(&ops[n]);
        dm_ops_avx512(&ops[n++]);
    }
#elif defined(__aarch64__)
    dm_reference_ops(&ops[n]);
    dm_ops_neon(&ops[n++]);
#endif
    return n;
}

/* `n` floats, unaligned, all set to the guard's NaN, with GUARD more before and after. */
static inline float *new_floats(size_t n) {
    float *p = dm_memory_array(n + 2 * GUARD, sizeof *p);
    assert_non_null(p);
    for (size_t i = 0; i < n + 2 * GUARD; i++)
        p[i] = dm_float_from_bits(GUARD_BITS);
    return p + GUARD;
}
static inline int is_untouched(const float *p) {
    uint32_t bits;
    memcpy(&bits, p, sizeof bits);
    return bits == GUARD_BITS;
}
/* Releases them, the guards being whole. */
static inline void free_floats(float *p, size_t n) {
    for (size_t i = 0; i < GUARD; i++) {
        assert_true(is_untouched(p - 1 - i));
        assert_true(is_untouched(p + n + i));
    }
    dm_memory_free(p - GUARD);
}

static inline float *random_floats(struct dm_random *random, size_t n, double mean,
                                   double deviation) {
    float *p = new_floats(n);
    for (size_t i = 0; i < n; i++)
        p[i] = (float)(mean + deviation * dm_random_normal(random));
    return p;
}
static inline float *copied_floats(const float *source, size_t n) {
    float *p = new_floats(n);
    for (size_t i = 0; i < n; i++)
        p[i] = source[i];
    return p;
}

/* Channels [first, first + width) of n_row rows of `step`. */
static inline float *copied_channels(const float *rows, size_t n_row, size_t step, size_t first,
                                     size_t width) {
    float *view = new_floats(n_row * width);
    for (size_t i = 0; i < n_row; i++)
        for (size_t c = 0; c < width; c++)
            view[i * width + c] = rows[i * step + first + c];
    return view;
}

/* |got - expected| in ulp of the expected; 0 where both are the same infinity or NaN. */
static inline double ulp_error(float got, double expected) {
    float nearest = (float)expected;
    if (isnan(expected) || isinf(nearest))
        return (isnan(expected) ? isnan(got) : got == nearest) ? 0 : INFINITY;
    int exponent = expected == 0 ? -126 : ilogb(expected);
    return fabs(got - expected) / ldexp(1, (exponent < -126 ? -126 : exponent) - 23);
}

static inline void check_near(const char *what, float got, double expected, double tolerance) {
    if (!(fabs(got - expected) <= tolerance) && !(isnan(got) && isnan(expected)))
        fail_msg("%s: %.9g, expected %.9g within %.3g", what, (double)got, expected, tolerance);
}

#endif
