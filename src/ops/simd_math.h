/* Exponentials and what is made of them, on the vector names. One ulp is the distance between the
 * floats around the true value. */
#ifndef DM_OPS_SIMD_MATH_H
#define DM_OPS_SIMD_MATH_H

#include <stdbool.h>

#include "ops/simd.h"

/* (2^f - 1) / f for |f| up to half a step, minimax: the relative error of 1 + f q is 1.6e-9 with 16
 * steps, 5.2e-9 with 4, 5.3e-9 with one. */
static inline vf vf_exp2_slope(vf f) {
    if (VF_EXP2_STEPS == 16) {
        vf q = vf_fma(f, vf_set1(0x1.c6ac6ap-5f), vf_set1(0x1.ebfff4p-3f));
        return vf_fma(f, q, vf_set1(0x1.62e430p-1f));
    }
    if (VF_EXP2_STEPS == 4) {
        vf q = vf_fma(f, vf_set1(0x1.3b1a62p-7f), vf_set1(0x1.c6e6c4p-5f));
        q = vf_fma(f, q, vf_set1(0x1.ebfbe8p-3f));
        return vf_fma(f, q, vf_set1(0x1.62e42cp-1f));
    }
    vf q = vf_fma(f, vf_set1(0x1.4bc7b4p-13f), vf_set1(0x1.5fc00ap-10f));
    q = vf_fma(f, q, vf_set1(0x1.3b21c6p-7f));
    q = vf_fma(f, q, vf_set1(0x1.c6ada6p-5f));
    q = vf_fma(f, q, vf_set1(0x1.ebfbe6p-3f));
    return vf_fma(f, q, vf_set1(0x1.62e432p-1f));
}

/* 2^(f + the steps of n within its octave), f being at most half a step; exactly 1 where both are
 * 0. */
static inline vf vf_exp2_fraction(vf f, vf step_power) {
    return vf_fma(vf_mul(step_power, f), vf_exp2_slope(f), step_power);
}

/* 2^t for a finite t. Within 1 ulp where the result is at least 2^-126; below that it is 0 or the
 * nearest denormal. Infinity from 128 (AVX2: 127.5), NaN for NaN. */
static inline vf vf_exp2(vf t) {
    t = vf_limit_exponent(t);
    vf f = vf_step_rest(t);
    return vf_scale_normal(vf_exp2_fraction(f, vf_step_power(t)), vf_sub(t, f));
}

/* The same, bit for bit, where |t| is at most VF_SMALL_EXPONENT: there is nothing to limit, and what
 * is rounded may be scaled before, as nothing gets too small for a float. */
static inline vf vf_exp2_small(vf t) {
    vf f = vf_step_rest(t);
    return vf_exp2_fraction(f, vf_small_power(t, vf_sub(t, f)));
}
/* Is |a b| at most that in all lanes? A NaN in one lane must not hide what is in another. */
static inline bool vf_is_small_product(vf a, vf b) {
    vf product = vf_min(vf_abs(vf_mul(a, b)), vf_set1(2 * VF_SMALL_EXPONENT));
    return vf_largest(product) <= VF_SMALL_EXPONENT;
}

/* e^x 2^shift, a normal float. Within 1.2 ulp, NaN for NaN. x / ln 2 = n + f with n a number of
 * steps, and the rounding of 1 / ln 2 put right. */
static inline vf vf_exp_shifted(vf x, float shift) {
    vf log2e = vf_set1(0x1.715476p+0f), log2e_rest = vf_set1(0x1.4ae0c0p-26f);
    vf n = vf_nearest_step(vf_mul(x, log2e));
    vf f = vf_fma(x, log2e_rest, vf_fms(x, log2e, n));
    vf shifted = vf_add(n, vf_set1(shift));
    return vf_exp2_fraction(f, vf_small_power(shifted, shifted));
}

/* e^x for x <= 0. Within 1.2 ulp, denormal results too; 0 below -103.98, NaN for NaN. */
static inline vf vf_exp_negative(vf x) {
    return vf_mul(vf_exp_shifted(vf_max(vf_set1(-104), x), 64), vf_set1(0x1p-64f));
}

/* 1 - e^-d for d >= 0. Within 1 ulp, however small d; 1 from 17.4 up, NaN for NaN.
 * -d = n ln 2 + r with n whole, e^r - 1 = r + r^2 / 2 + ... (minimax, relative error 4.4e-10), and
 * with s = 2^n the result is (1 - s) - s (e^r - 1), where s is 1 and r is -d below ln 2 / 2. */
static inline vf vf_one_less_exp(vf d) {
    vf x = vf_max(vf_set1(-32), vf_negate(d));
    vf n = vf_round(vf_mul(x, vf_set1(0x1.715476p+0f)));
    vf r = vf_fma(n, vf_set1(-0x1.62e400p-1f), x);
    r = vf_fma(n, vf_set1(-0x1.7f7d1cp-20f), r);
    vf p = vf_fma(r, vf_set1(0x1.9e6978p-13f), vf_set1(0x1.6d3a3cp-10f));
    p = vf_fma(r, p, vf_set1(0x1.1112dcp-7f));
    p = vf_fma(r, p, vf_set1(0x1.5554f8p-5f));
    p = vf_fma(r, p, vf_set1(0x1.555554p-3f));
    p = vf_fma(r, p, vf_set1(0.5f));
    vf minus_s = vf_scale_normal(vf_set1(-1), n);
    return vf_fma(minus_s, vf_fma(vf_mul(r, r), p, r), vf_add(vf_set1(1), minus_s));
}

/* v / (1 + e^-v). Within 3 ulp from -87 up; further down within 3e-37, and -0 below -88.73. */
static inline vf vf_silu(vf v) {
    vf x = vf_min(vf_set1(89), vf_max(vf_set1(-60), vf_negate(v)));
    return vf_div(v, vf_fma(vf_exp_shifted(x, -2), vf_set1(4), vf_set1(1)));
}

/* The derivative of silu: s (1 + v (1 - s)), s = 1 / (1 + e^-v), v finite. Within
 * 3e-7 s (1 + |v| (1 - s)) from -87 up; further down within 3e-37. s is z / (1 + z) for negative v and
 * 1 / (1 + z) for others, z = e^-|v|, and 1 - s the other of the two. */
static inline vf vf_silu_slope(vf v) {
    vf one = vf_set1(1), z = vf_exp_negative(vf_negate(vf_abs(v)));
    vf above = vf_div(one, vf_add(one, z)), below = vf_mul(z, above);
    vf rest = vf_if_negative(v, above, below);
    return vf_mul(vf_if_negative(v, below, above), vf_fma(v, rest, one));
}

/* log(1 + e^v) = max(v, 0) + log(1 + z), z = e^-|v|, and with a = 2z / (2 + z)
 *     log(1 + z) = 2 atanh(a / 2) = a (1 + a^2 / 12 + ...),
 * which loses nothing where z is small; the polynomial's relative error is 4.5e-9. Within 4 ulp,
 * a denormal's being 2^-149; v itself from 17 up. */
static inline vf vf_softplus(vf v) {
    vf z = vf_exp_negative(vf_negate(vf_abs(v)));
    vf a = vf_div(vf_add(z, z), vf_add(vf_set1(2), z)), square = vf_mul(a, a);
    vf p = vf_fma(square, vf_set1(0x1.1eca18p-11f), vf_set1(0x1.1ec040p-9f));
    p = vf_fma(square, p, vf_set1(0x1.99d1ccp-7f));
    p = vf_fma(square, p, vf_set1(0x1.555502p-4f));
    p = vf_fma(square, p, vf_set1(1));
    return vf_fma(a, p, vf_max(v, vf_set1(0)));
}

#endif
