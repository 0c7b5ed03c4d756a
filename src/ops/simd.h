/* The vector names that the X_simd.c are written on, for the instruction set that this translation
 * unit is compiled for. Nothing else in the library knows about instruction sets.
 *
 * vf holds VF_LANES floats, vd as many doubles. A load or store takes the first n lanes, n at most
 * VF_LANES; the others read as 0 and are never touched in memory. Arithmetic is that of the lane
 * alone, so a value does not depend on which lane, or on how full a vector, it was computed in. */
#ifndef DM_OPS_SIMD_H
#define DM_OPS_SIMD_H

#include <stddef.h>
#include <stdint.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif

#define VF_SMALL_EXPONENT 100

#if defined(DM_SIMD_NEON)

#include "ops/simd_neon.h"

#elif defined(DM_SIMD_AVX512)

#define DM_VARIANT(name) name##_avx512
#define DM_SIMD_NAME "avx512"
#define VF_LANES 16

typedef __m512 vf;
typedef struct {
    __m512d low, high;
} vd;

static inline __mmask16 vf_lanes(size_t n) {
    return (__mmask16)((1u << n) - 1);
}
static inline vf vf_load(const float *p, size_t n) {
    return n == VF_LANES ? _mm512_loadu_ps(p) : _mm512_maskz_loadu_ps(vf_lanes(n), p);
}
static inline void vf_store(float *p, size_t n, vf a) {
    if (n == VF_LANES)
        _mm512_storeu_ps(p, a);
    else
        _mm512_mask_storeu_ps(p, vf_lanes(n), a);
}
/* p[index[0]], p[index[1]], ... */
static inline vf vf_gather(const float *p, const uint32_t *index, size_t n) {
    __m512i at = _mm512_maskz_loadu_epi32(vf_lanes(n), index);
    return _mm512_mask_i32gather_ps(_mm512_setzero_ps(), vf_lanes(n), at, p, sizeof(float));
}
static inline vf vf_set1(float a) {
    return _mm512_set1_ps(a);
}
static inline vf vf_add(vf a, vf b) {
    return _mm512_add_ps(a, b);
}
static inline vf vf_sub(vf a, vf b) {
    return _mm512_sub_ps(a, b);
}
static inline vf vf_mul(vf a, vf b) {
    return _mm512_mul_ps(a, b);
}
static inline vf vf_div(vf a, vf b) {
    return _mm512_div_ps(a, b);
}
static inline vf vf_fma(vf a, vf b, vf c) { /* a * b + c, rounded once */
    return _mm512_fmadd_ps(a, b, c);
}
static inline vf vf_fms(vf a, vf b, vf c) { /* a * b - c */
    return _mm512_fmsub_ps(a, b, c);
}
static inline vf vf_sub_product(vf a, vf b, vf c) { /* a - b * c, rounded once */
    return _mm512_fnmadd_ps(b, c, a);
}
static inline vf vf_sqrt(vf a) {
    return _mm512_sqrt_ps(a);
}
static inline float vf_sum(vf a) {
    return _mm512_reduce_add_ps(a);
}
static inline vf vf_max(vf a, vf b) { /* b where either is a NaN */
    return _mm512_max_ps(a, b);
}
static inline vf vf_min(vf a, vf b) {
    return _mm512_min_ps(a, b);
}
static inline vf vf_negate(vf a) {
    return _mm512_xor_ps(a, _mm512_set1_ps(-0.0f));
}
static inline vf vf_abs(vf a) {
    return _mm512_andnot_ps(_mm512_set1_ps(-0.0f), a);
}
/* a where v is negative (-0 too), else b. */
static inline vf vf_if_negative(vf v, vf a, vf b) {
    return _mm512_mask_blend_ps(_mm512_movepi32_mask(_mm512_castps_si512(v)), b, a);
}
static inline vf vf_round(vf a) {
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
/* Exponents are cut into VF_EXP2_STEPS steps: t = n + f, n the nearest multiple of a step's length;
 * f is exact, and 0 where t is too large to have a fraction. */
enum { VF_EXP2_STEPS = 16 };
static inline vf vf_nearest_step(vf t) { /* n, where t is small enough to have a fraction */
    return _mm512_roundscale_ps(t, 4 << 4 | _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
static inline vf vf_step_rest(vf t) {
    return _mm512_reduce_ps(t, 4 << 4 | _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
/* 2^(n - floor(n)), in [1, 2): in the sum a step is worth one, so its lowest bits say which. */
static inline vf vf_step_power(vf t) {
    const vf powers = _mm512_setr_ps(
        0x1p+0f, 0x1.0b5586p+0f, 0x1.172b84p+0f, 0x1.2387a6p+0f, 0x1.306fe0p+0f, 0x1.3dea64p+0f,
        0x1.4bfdaep+0f, 0x1.5ab07ep+0f, 0x1.6a09e6p+0f, 0x1.7a1148p+0f, 0x1.8ace54p+0f,
        0x1.9c4918p+0f, 0x1.ae89fap+0f, 0x1.c199bep+0f, 0x1.d5818ep+0f, 0x1.ea4afap+0f);
    vf sum = _mm512_add_ps(t, _mm512_set1_ps(0x1.8p19f));
    return _mm512_permutexvar_ps(_mm512_castps_si512(sum), powers);
}
/* 2^n, n in [-126, 127] being the number of steps nearest to t; it takes what is cheaper. */
static inline vf vf_small_power(vf t, vf n) {
    return _mm512_scalef_ps(vf_step_power(t), n);
}
/* a * 2^floor(n) for any n that vf_limit_exponent let through, a in [0.5, 2]; below 2^-126 the
 * result may be 0. */
static inline vf vf_scale_normal(vf a, vf n) {
    return _mm512_scalef_ps(a, n);
}
static inline vf vf_limit_exponent(vf t) {
    return t;
}

static inline vd vd_zero(void) {
    return (vd){_mm512_setzero_pd(), _mm512_setzero_pd()};
}
static inline vd vd_widen(vf a) {
    return (vd){_mm512_cvtps_pd(_mm512_castps512_ps256(a)),
                _mm512_cvtps_pd(_mm512_extractf32x8_ps(a, 1))};
}
static inline vd vd_add(vd a, vd b) {
    return (vd){_mm512_add_pd(a.low, b.low), _mm512_add_pd(a.high, b.high)};
}
static inline vd vd_fma(vd a, vd b, vd c) {
    return (vd){_mm512_fmadd_pd(a.low, b.low, c.low), _mm512_fmadd_pd(a.high, b.high, c.high)};
}
static inline double vd_sum(vd a) {
    return _mm512_reduce_add_pd(_mm512_add_pd(a.low, a.high));
}

/* The nearest bf16, ties to even, as a float; a NaN becomes quiet. */
static inline vf vf_round_bf16(vf a) {
    __m512i bits = _mm512_castps_si512(a), high = _mm512_set1_epi32((int)0xffff0000);
    __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    __m512i half = _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff));
    __m512i near = _mm512_add_epi32(bits, half);
    near = _mm512_mask_or_epi32(near, _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q), bits,
                                _mm512_set1_epi32(0x400000));
    return _mm512_castsi512_ps(_mm512_and_si512(near, high));
}
static inline void vf_store_bf16(uint16_t *p, size_t n, vf a) { /* of what is one */
    __m256i halves = _mm512_cvtepi32_epi16(_mm512_srli_epi32(_mm512_castps_si512(a), 16));
    if (n == VF_LANES)
        _mm256_storeu_si256((__m256i *)(void *)p, halves);
    else
        _mm256_mask_storeu_epi16(p, vf_lanes(n), halves);
}
static inline float vf_largest(vf a) {
    return _mm512_reduce_max_ps(a);
}
static inline void vf_store_bytes(uint8_t *p, size_t n, vf a) { /* of whole numbers in 0..255 */
    _mm512_mask_cvtusepi32_storeu_epi8(p, vf_lanes(n), _mm512_cvtps_epi32(a));
}
/* Both as bf16, the first in the lower half of a lane. */
static inline vf vf_pair_bf16(vf low, vf high) {
    __m512i bits = _mm512_srli_epi32(_mm512_castps_si512(low), 16);
    return _mm512_castsi512_ps(_mm512_or_si512(bits, _mm512_castps_si512(high)));
}
/* The two of a pair, as floats. */
static inline vf vf_low_bf16(vf pair) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_castps_si512(pair), 16));
}
static inline vf vf_high_bf16(vf pair) {
    __m512i high = _mm512_set1_epi32((int)0xffff0000);
    return _mm512_castsi512_ps(_mm512_and_si512(_mm512_castps_si512(pair), high));
}

/* vi holds as many whole numbers of 32 bits, or two of 16 bits or four bytes in each lane. */
typedef __m512i vi;
static inline vi vi_load(const void *p, size_t n) {
    return n == VF_LANES ? _mm512_loadu_si512(p) : _mm512_maskz_loadu_epi32(vf_lanes(n), p);
}
static inline vi vi_set1(int32_t a) {
    return _mm512_set1_epi32(a);
}
static inline vi vi_sub(vi a, vi b) {
    return _mm512_sub_epi32(a, b);
}
static inline vf vf_from_ints(vi a) {
    return _mm512_cvtepi32_ps(a);
}
/* Signed bytes 0 and 2 of a lane, and 1 and 3, in 16 bits. */
static inline vi vi_even_bytes(vi a) {
    return _mm512_srai_epi16(_mm512_slli_epi16(a, 8), 8);
}
static inline vi vi_odd_bytes(vi a) {
    return _mm512_srai_epi16(a, 8);
}
/* sum + a[0] b[0] + a[1] b[1] of 16 bits. */
static inline vi vi_add_products(vi sum, vi a, vi b) {
    return _mm512_add_epi32(sum, _mm512_madd_epi16(a, b));
}
static inline vi vi_low_nibbles(vi a) { /* of each byte */
    return _mm512_and_si512(a, _mm512_set1_epi8(15));
}
static inline vi vi_high_nibbles(vi a) {
    return vi_low_nibbles(_mm512_srli_epi16(a, 4));
}
/* Sums of 16 bits, two in a lane: each plus two products of bytes, a's below 128, b's signed. */
static inline vi vi_add_byte_products(vi sums, vi a, vi b) {
    return _mm512_add_epi16(sums, _mm512_maddubs_epi16(a, b));
}
/* Bytes, unsigned or signed, each in a lane of its own. */
static inline vi vi_load_bytes(const uint8_t *p) {
    return _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(const void *)p));
}
static inline vi vi_load_signed_bytes(const uint8_t *p) {
    return _mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)(const void *)p));
}
static inline vf vf_load_f16(const uint16_t *p) {
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)p));
}
#ifdef DM_SIMD_BF16
/* sum + a[0] b[0] + a[1] b[1] of pairs, as the instruction rounds it. */
static inline vf vf_add_products(vf sum, vf a, vf b) {
    return _mm512_dpbf16_ps(sum, (__m512bh)a, (__m512bh)b);
}
#endif
#ifdef DM_SIMD_DOT
/* sum + (x[0] + VI_DOT_EXCESS) b[0] + ... of four bytes, where x is as vi_dot takes it. */
enum { VI_DOT_EXCESS = 128 };
static inline vi vi_dot(vi sum, vi x, vi b) {
    return _mm512_dpbusd_epi32(sum, x, b);
}
#endif

/* Four numbers from each of VF_LANES / 4 places; and the VF_LANES rows of four that four such
 * vectors hold, vector j those of places j, j + 4, ..., as four columns. */
static inline vf vf_load_fours(const float *p, size_t step) {
    vf a = _mm512_castps128_ps512(_mm_loadu_ps(p));
    a = _mm512_insertf32x4(a, _mm_loadu_ps(p + step), 1);
    a = _mm512_insertf32x4(a, _mm_loadu_ps(p + 2 * step), 2);
    return _mm512_insertf32x4(a, _mm_loadu_ps(p + 3 * step), 3);
}
static inline void vf_transpose_fours(vf a[4]) {
    __m512d low01 = _mm512_castps_pd(_mm512_unpacklo_ps(a[0], a[1]));
    __m512d low23 = _mm512_castps_pd(_mm512_unpacklo_ps(a[2], a[3]));
    __m512d high01 = _mm512_castps_pd(_mm512_unpackhi_ps(a[0], a[1]));
    __m512d high23 = _mm512_castps_pd(_mm512_unpackhi_ps(a[2], a[3]));
    a[0] = _mm512_castpd_ps(_mm512_unpacklo_pd(low01, low23));
    a[1] = _mm512_castpd_ps(_mm512_unpackhi_pd(low01, low23));
    a[2] = _mm512_castpd_ps(_mm512_unpacklo_pd(high01, high23));
    a[3] = _mm512_castpd_ps(_mm512_unpackhi_pd(high01, high23));
}

#elif defined(DM_SIMD_AVX2)

#define DM_VARIANT(name) name##_avx2
#define DM_SIMD_NAME "avx2"
#define VF_LANES 8

typedef __m256 vf;
typedef struct {
    __m256d low, high;
} vd;

static inline __m256i vf_lanes(size_t n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
static inline vf vf_load(const float *p, size_t n) {
    return n == VF_LANES ? _mm256_loadu_ps(p) : _mm256_maskload_ps(p, vf_lanes(n));
}
static inline void vf_store(float *p, size_t n, vf a) {
    if (n == VF_LANES)
        _mm256_storeu_ps(p, a);
    else
        _mm256_maskstore_ps(p, vf_lanes(n), a);
}
static inline vf vf_gather(const float *p, const uint32_t *index, size_t n) {
    __m256i at = _mm256_maskload_epi32((const int *)index, vf_lanes(n));
    return _mm256_mask_i32gather_ps(_mm256_setzero_ps(), p, at, _mm256_castsi256_ps(vf_lanes(n)),
                                    sizeof(float));
}
static inline vf vf_set1(float a) {
    return _mm256_set1_ps(a);
}
static inline vf vf_add(vf a, vf b) {
    return _mm256_add_ps(a, b);
}
static inline vf vf_sub(vf a, vf b) {
    return _mm256_sub_ps(a, b);
}
static inline vf vf_mul(vf a, vf b) {
    return _mm256_mul_ps(a, b);
}
static inline vf vf_div(vf a, vf b) {
    return _mm256_div_ps(a, b);
}
static inline vf vf_fma(vf a, vf b, vf c) {
    return _mm256_fmadd_ps(a, b, c);
}
static inline vf vf_fms(vf a, vf b, vf c) {
    return _mm256_fmsub_ps(a, b, c);
}
static inline vf vf_sub_product(vf a, vf b, vf c) {
    return _mm256_fnmadd_ps(b, c, a);
}
static inline vf vf_sqrt(vf a) {
    return _mm256_sqrt_ps(a);
}
static inline float vf_sum(vf a) {
    __m128 sum = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    sum = _mm_add_ps(sum, _mm_movehl_ps(sum, sum));
    return _mm_cvtss_f32(_mm_add_ss(sum, _mm_movehdup_ps(sum)));
}
static inline vf vf_max(vf a, vf b) {
    return _mm256_max_ps(a, b);
}
static inline vf vf_min(vf a, vf b) {
    return _mm256_min_ps(a, b);
}
static inline vf vf_negate(vf a) {
    return _mm256_xor_ps(a, _mm256_set1_ps(-0.0f));
}
static inline vf vf_abs(vf a) {
    return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a);
}
static inline vf vf_if_negative(vf v, vf a, vf b) {
    return _mm256_blendv_ps(b, a, v);
}
static inline vf vf_round(vf a) {
    return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
/* A sum with this has a number of steps in its lowest bits, and a whole number above them. */
#define VF_STEP_SUM 0x1.8p21f
/* 2^floor(n) for floor(n) in [-127, 128], 0 and infinity at its ends: a float's exponent is
 * floor(n) + 127. */
static inline vf vf_power(vf n) {
    __m256i bits = _mm256_castps_si256(_mm256_add_ps(n, _mm256_set1_ps(VF_STEP_SUM + 127)));
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_srli_epi32(bits, 2), 23));
}
enum { VF_EXP2_STEPS = 4 };
static inline vf vf_nearest_step(vf t) {
    vf sum = _mm256_add_ps(t, _mm256_set1_ps(VF_STEP_SUM));
    return _mm256_sub_ps(sum, _mm256_set1_ps(VF_STEP_SUM));
}
static inline vf vf_step_rest(vf t) {
    return _mm256_sub_ps(t, vf_nearest_step(t));
}
static inline vf vf_step_power(vf t) {
    const __m256 powers = _mm256_setr_ps(0x1p+0f, 0x1.306fe0p+0f, 0x1.6a09e6p+0f, 0x1.ae89fap+0f,
                                         0x1p+0f, 0x1.306fe0p+0f, 0x1.6a09e6p+0f, 0x1.ae89fap+0f);
    vf sum = _mm256_add_ps(t, _mm256_set1_ps(VF_STEP_SUM));
    return _mm256_permutevar_ps(powers, _mm256_castps_si256(sum));
}
/* The sum, moved to where a float has its exponent, brings the step along into the fraction,
 * from which the table has taken it away. */
static inline vf vf_small_power(vf t, vf n) {
    (void)n;
    const __m256 powers = _mm256_setr_ps(0x1p+0f, 0x1.306fe0p+0f, 0x1.6a09e6p+0f, 0x1.ae89fap+0f,
                                         0x1p+0f, 0x1.306fe0p+0f, 0x1.6a09e6p+0f, 0x1.ae89fap+0f);
    const __m256i steps =
        _mm256_setr_epi32(0, 1 << 21, 2 << 21, 3 << 21, 0, 1 << 21, 2 << 21, 3 << 21);
    const __m256 rests = _mm256_castsi256_ps(_mm256_sub_epi32(_mm256_castps_si256(powers), steps));
    __m256i sum = _mm256_castps_si256(_mm256_add_ps(t, _mm256_set1_ps(VF_STEP_SUM)));
    __m256i rest = _mm256_castps_si256(_mm256_permutevar_ps(rests, sum));
    return _mm256_castsi256_ps(_mm256_add_epi32(rest, _mm256_slli_epi32(sum, 21)));
}
static inline vf vf_scale_normal(vf a, vf n) {
    return _mm256_mul_ps(a, vf_power(n));
}
static inline vf vf_limit_exponent(vf t) {
    return vf_min(vf_set1(128), vf_max(vf_set1(-127), t));
}

static inline vd vd_zero(void) {
    return (vd){_mm256_setzero_pd(), _mm256_setzero_pd()};
}
static inline vd vd_widen(vf a) {
    return (vd){_mm256_cvtps_pd(_mm256_castps256_ps128(a)),
                _mm256_cvtps_pd(_mm256_extractf128_ps(a, 1))};
}
static inline vd vd_add(vd a, vd b) {
    return (vd){_mm256_add_pd(a.low, b.low), _mm256_add_pd(a.high, b.high)};
}
static inline vd vd_fma(vd a, vd b, vd c) {
    return (vd){_mm256_fmadd_pd(a.low, b.low, c.low), _mm256_fmadd_pd(a.high, b.high, c.high)};
}
static inline double vd_sum(vd a) {
    __m256d sum = _mm256_add_pd(a.low, a.high);
    __m128d half = _mm_add_pd(_mm256_castpd256_pd128(sum), _mm256_extractf128_pd(sum, 1));
    return _mm_cvtsd_f64(_mm_add_sd(half, _mm_unpackhi_pd(half, half)));
}

static inline vf vf_round_bf16(vf a) {
    __m256i bits = _mm256_castps_si256(a), high = _mm256_set1_epi32((int)0xffff0000);
    __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    __m256i half = _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff));
    vf near = _mm256_castsi256_ps(_mm256_add_epi32(bits, half));
    vf quiet = _mm256_or_ps(a, _mm256_castsi256_ps(_mm256_set1_epi32(0x400000)));
    near = _mm256_blendv_ps(near, quiet, _mm256_cmp_ps(a, a, _CMP_UNORD_Q));
    return _mm256_and_ps(near, _mm256_castsi256_ps(high));
}
static inline void vf_store_bf16(uint16_t *p, size_t n, vf a) {
    __m256i bits = _mm256_srli_epi32(_mm256_castps_si256(a), 16);
    __m128i halves =
        _mm_packus_epi32(_mm256_castsi256_si128(bits), _mm256_extracti128_si256(bits, 1));
    uint16_t some[VF_LANES];
    if (n == VF_LANES) {
        _mm_storeu_si128((__m128i *)(void *)p, halves);
        return;
    }
    _mm_storeu_si128((__m128i *)(void *)some, halves);
    for (size_t i = 0; i < n; i++)
        p[i] = some[i];
}
static inline float vf_largest(vf a) {
    __m128 max = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    max = _mm_max_ps(max, _mm_movehl_ps(max, max));
    return _mm_cvtss_f32(_mm_max_ss(max, _mm_movehdup_ps(max)));
}
static inline void vf_store_bytes(uint8_t *p, size_t n, vf a) {
    __m256i ints = _mm256_cvtps_epi32(a);
    __m128i halves =
        _mm_packus_epi32(_mm256_castsi256_si128(ints), _mm256_extracti128_si256(ints, 1));
    uint8_t some[2 * VF_LANES];
    _mm_storeu_si128((__m128i *)(void *)some, _mm_packus_epi16(halves, halves));
    for (size_t i = 0; i < n; i++)
        p[i] = some[i];
}
static inline vf vf_pair_bf16(vf low, vf high) {
    __m256i bits = _mm256_srli_epi32(_mm256_castps_si256(low), 16);
    return _mm256_or_ps(_mm256_castsi256_ps(bits), high);
}
static inline vf vf_low_bf16(vf pair) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(pair), 16));
}
static inline vf vf_high_bf16(vf pair) { /* a mask would take a register */
    return _mm256_castsi256_ps(
        _mm256_slli_epi32(_mm256_srli_epi32(_mm256_castps_si256(pair), 16), 16));
}

typedef __m256i vi;
static inline vi vi_load(const void *p, size_t n) {
    return n == VF_LANES ? _mm256_loadu_si256(p) : _mm256_maskload_epi32(p, vf_lanes(n));
}
static inline vi vi_set1(int32_t a) {
    return _mm256_set1_epi32(a);
}
static inline vi vi_sub(vi a, vi b) {
    return _mm256_sub_epi32(a, b);
}
static inline vf vf_from_ints(vi a) {
    return _mm256_cvtepi32_ps(a);
}
static inline vi vi_even_bytes(vi a) {
    return _mm256_srai_epi16(_mm256_slli_epi16(a, 8), 8);
}
static inline vi vi_odd_bytes(vi a) {
    return _mm256_srai_epi16(a, 8);
}
static inline vi vi_add_products(vi sum, vi a, vi b) {
    return _mm256_add_epi32(sum, _mm256_madd_epi16(a, b));
}
static inline vi vi_low_nibbles(vi a) {
    return _mm256_and_si256(a, _mm256_set1_epi8(15));
}
static inline vi vi_high_nibbles(vi a) {
    return vi_low_nibbles(_mm256_srli_epi16(a, 4));
}
static inline vi vi_add_byte_products(vi sums, vi a, vi b) {
    return _mm256_add_epi16(sums, _mm256_maddubs_epi16(a, b));
}
static inline vi vi_load_bytes(const uint8_t *p) {
    return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)p));
}
static inline vi vi_load_signed_bytes(const uint8_t *p) {
    return _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)p));
}
static inline vf vf_load_f16(const uint16_t *p) {
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)p));
}
#ifdef DM_SIMD_DOT
enum { VI_DOT_EXCESS = 128 };
static inline vi vi_dot(vi sum, vi x, vi b) {
    return _mm256_dpbusd_avx_epi32(sum, x, b);
}
#endif

static inline vf vf_load_fours(const float *p, size_t step) {
    return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(p)), _mm_loadu_ps(p + step), 1);
}
static inline void vf_transpose_fours(vf a[4]) {
    __m256d low01 = _mm256_castps_pd(_mm256_unpacklo_ps(a[0], a[1]));
    __m256d low23 = _mm256_castps_pd(_mm256_unpacklo_ps(a[2], a[3]));
    __m256d high01 = _mm256_castps_pd(_mm256_unpackhi_ps(a[0], a[1]));
    __m256d high23 = _mm256_castps_pd(_mm256_unpackhi_ps(a[2], a[3]));
    a[0] = _mm256_castpd_ps(_mm256_unpacklo_pd(low01, low23));
    a[1] = _mm256_castpd_ps(_mm256_unpackhi_pd(low01, low23));
    a[2] = _mm256_castpd_ps(_mm256_unpacklo_pd(high01, high23));
    a[3] = _mm256_castpd_ps(_mm256_unpackhi_pd(high01, high23));
}

#else
#error \
    "DM_SIMD_AVX2, DM_SIMD_AVX512 or DM_SIMD_NEON must say which instruction set this is compiled for"
#endif

#endif
