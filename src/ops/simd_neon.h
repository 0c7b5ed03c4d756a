/* simd.h for AArch64, where every processor has what it needs. */
#ifndef DM_OPS_SIMD_NEON_H
#define DM_OPS_SIMD_NEON_H

#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define DM_VARIANT(name) name##_neon
#define DM_SIMD_NAME "neon"
#define VF_LANES 4

typedef float32x4_t vf;
typedef struct {
    float64x2_t low, high;
} vd;

static inline vf vf_load(const float *p, size_t n) {
    float some[VF_LANES] = {0};
    if (n == VF_LANES)
        return vld1q_f32(p);
    for (size_t i = 0; i < n; i++)
        some[i] = p[i];
    return vld1q_f32(some);
}
static inline void vf_store(float *p, size_t n, vf a) {
    float some[VF_LANES];
    if (n == VF_LANES) {
        vst1q_f32(p, a);
        return;
    }
    vst1q_f32(some, a);
    for (size_t i = 0; i < n; i++)
        p[i] = some[i];
}
static inline vf vf_gather(const float *p, const uint32_t *index, size_t n) {
    float some[VF_LANES] = {0};
    for (size_t i = 0; i < n; i++)
        some[i] = p[index[i]];
    return vld1q_f32(some);
}
static inline vf vf_set1(float a) {
    return vdupq_n_f32(a);
}
static inline vf vf_add(vf a, vf b) {
    return vaddq_f32(a, b);
}
static inline vf vf_sub(vf a, vf b) {
    return vsubq_f32(a, b);
}
static inline vf vf_mul(vf a, vf b) {
    return vmulq_f32(a, b);
}
static inline vf vf_div(vf a, vf b) {
    return vdivq_f32(a, b);
}
static inline vf vf_fma(vf a, vf b, vf c) {
    return vfmaq_f32(c, a, b);
}
static inline vf vf_fms(vf a, vf b, vf c) {
    return vfmaq_f32(vnegq_f32(c), a, b);
}
static inline vf vf_sub_product(vf a, vf b, vf c) {
    return vfmsq_f32(a, b, c);
}
static inline vf vf_sqrt(vf a) {
    return vsqrtq_f32(a);
}
static inline float vf_sum(vf a) {
    return vaddvq_f32(a);
}
static inline vf vf_max(vf a, vf b) {
    return vbslq_f32(vcgtq_f32(a, b), a, b);
}
static inline vf vf_min(vf a, vf b) {
    return vbslq_f32(vcltq_f32(a, b), a, b);
}
static inline vf vf_negate(vf a) {
    return vnegq_f32(a);
}
static inline vf vf_abs(vf a) {
    return vabsq_f32(a);
}
static inline vf vf_if_negative(vf v, vf a, vf b) {
    return vbslq_f32(vcltzq_s32(vreinterpretq_s32_f32(v)), a, b);
}
static inline vf vf_round(vf a) {
    return vrndnq_f32(a);
}
/* 2^n for a whole n in [-127, 128], 0 and infinity at its ends: the sum's lowest bits are n + 127,
 * a float's exponent. */
static inline vf vf_power(vf n) {
    uint32x4_t bits = vreinterpretq_u32_f32(vaddq_f32(n, vdupq_n_f32(0x1.8p23f + 127)));
    return vreinterpretq_f32_u32(vshlq_n_u32(bits, 23));
}
enum { VF_EXP2_STEPS = 1 };
static inline vf vf_nearest_step(vf t) {
    return vf_round(t);
}
static inline vf vf_step_rest(vf t) {
    return vsubq_f32(t, vf_round(t));
}
static inline vf vf_step_power(vf t) {
    (void)t;
    return vdupq_n_f32(1);
}
static inline vf vf_small_power(vf t, vf n) {
    (void)t;
    return vf_power(n);
}
static inline vf vf_scale_normal(vf a, vf n) {
    return vmulq_f32(a, vf_power(n));
}
static inline vf vf_limit_exponent(vf t) {
    return vf_min(vf_set1(128), vf_max(vf_set1(-127), t));
}

static inline vd vd_zero(void) {
    return (vd){vdupq_n_f64(0), vdupq_n_f64(0)};
}
static inline vd vd_widen(vf a) {
    return (vd){vcvt_f64_f32(vget_low_f32(a)), vcvt_high_f64_f32(a)};
}
static inline vd vd_add(vd a, vd b) {
    return (vd){vaddq_f64(a.low, b.low), vaddq_f64(a.high, b.high)};
}
static inline vd vd_fma(vd a, vd b, vd c) {
    return (vd){vfmaq_f64(c.low, a.low, b.low), vfmaq_f64(c.high, a.high, b.high)};
}
static inline double vd_sum(vd a) {
    return vaddvq_f64(vaddq_f64(a.low, a.high));
}

static inline vf vf_round_bf16(vf a) {
    uint32x4_t bits = vreinterpretq_u32_f32(a);
    uint32x4_t odd = vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1));
    uint32x4_t near = vaddq_u32(bits, vaddq_u32(odd, vdupq_n_u32(0x7fff)));
    uint32x4_t quiet = vorrq_u32(bits, vdupq_n_u32(0x400000));
    near = vbslq_u32(vceqq_f32(a, a), near, quiet);
    return vreinterpretq_f32_u32(vandq_u32(near, vdupq_n_u32(0xffff0000)));
}
static inline void vf_store_bf16(uint16_t *p, size_t n, vf a) {
    uint16_t some[VF_LANES];
    uint16x4_t halves = vshrn_n_u32(vreinterpretq_u32_f32(a), 16);
    if (n == VF_LANES) {
        vst1_u16(p, halves);
        return;
    }
    vst1_u16(some, halves);
    for (size_t i = 0; i < n; i++)
        p[i] = some[i];
}
static inline float vf_largest(vf a) {
    return vmaxvq_f32(a);
}
static inline void vf_store_bytes(uint8_t *p, size_t n, vf a) {
    uint32_t some[VF_LANES];
    vst1q_u32(some, vcvtnq_u32_f32(a));
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)some[i];
}
static inline vf vf_pair_bf16(vf low, vf high) {
    uint32x4_t bits = vshrq_n_u32(vreinterpretq_u32_f32(low), 16);
    return vreinterpretq_f32_u32(vorrq_u32(bits, vreinterpretq_u32_f32(high)));
}
static inline vf vf_low_bf16(vf pair) {
    return vreinterpretq_f32_u32(vshlq_n_u32(vreinterpretq_u32_f32(pair), 16));
}
static inline vf vf_high_bf16(vf pair) {
    return vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(pair), vdupq_n_u32(0xffff0000)));
}

typedef int32x4_t vi;
static inline vi vi_load(const void *p, size_t n) {
    int32_t some[VF_LANES] = {0};
    memcpy(some, p, n * sizeof *some);
    return vld1q_s32(some);
}
static inline vi vi_set1(int32_t a) {
    return vdupq_n_s32(a);
}
static inline vi vi_sub(vi a, vi b) {
    return vsubq_s32(a, b);
}
static inline vf vf_from_ints(vi a) {
    return vcvtq_f32_s32(a);
}
static inline vi vi_even_bytes(vi a) {
    int16x8_t halves = vreinterpretq_s16_s32(a);
    return vreinterpretq_s32_s16(vshrq_n_s16(vshlq_n_s16(halves, 8), 8));
}
static inline vi vi_odd_bytes(vi a) {
    return vreinterpretq_s32_s16(vshrq_n_s16(vreinterpretq_s16_s32(a), 8));
}
static inline vi vi_add_products(vi sum, vi a, vi b) {
    int16x8_t x = vreinterpretq_s16_s32(a), y = vreinterpretq_s16_s32(b);
    int32x4_t low = vmull_s16(vget_low_s16(x), vget_low_s16(y));
    return vaddq_s32(sum, vpaddq_s32(low, vmull_high_s16(x, y)));
}
static inline vi vi_low_nibbles(vi a) {
    return vandq_s32(a, vdupq_n_s32(0x0f0f0f0f));
}
static inline vi vi_high_nibbles(vi a) {
    return vreinterpretq_s32_u8(vshrq_n_u8(vreinterpretq_u8_s32(a), 4));
}
static inline vi vi_add_byte_products(vi sums, vi a, vi b) {
    int8x16_t x = vreinterpretq_s8_s32(a), y = vreinterpretq_s8_s32(b);
    int16x8_t low = vmull_s8(vget_low_s8(x), vget_low_s8(y));
    int16x8_t pairs = vpaddq_s16(low, vmull_high_s8(x, y));
    return vreinterpretq_s32_s16(vaddq_s16(vreinterpretq_s16_s32(sums), pairs));
}
static inline vi vi_load_bytes(const uint8_t *p) {
    uint8_t bytes[8] = {0};
    memcpy(bytes, p, VF_LANES);
    return vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(vmovl_u8(vld1_u8(bytes)))));
}
static inline vi vi_load_signed_bytes(const uint8_t *p) {
    int8_t bytes[8] = {0};
    memcpy(bytes, p, VF_LANES);
    return vmovl_s16(vget_low_s16(vmovl_s8(vld1_s8(bytes))));
}
static inline vf vf_load_f16(const uint16_t *p) {
    return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p)));
}
#ifdef DM_SIMD_DOT
enum { VI_DOT_EXCESS = 0 };
static inline vi vi_dot(vi sum, vi x, vi b) {
    return vdotq_s32(sum, vreinterpretq_s8_s32(x), vreinterpretq_s8_s32(b));
}
#endif

static inline vf vf_load_fours(const float *p, size_t step) {
    (void)step;
    return vld1q_f32(p);
}
static inline void vf_transpose_fours(vf a[4]) {
    float32x4x2_t low = vzipq_f32(a[0], a[2]), high = vzipq_f32(a[1], a[3]);
    float32x4x2_t first = vzipq_f32(low.val[0], high.val[0]);
    float32x4x2_t second = vzipq_f32(low.val[1], high.val[1]);
    a[0] = first.val[0];
    a[1] = first.val[1];
    a[2] = second.val[0];
    a[3] = second.val[1];
}

#endif
