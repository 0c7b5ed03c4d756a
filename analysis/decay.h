/* exp(x) for x <= 0, written so that compilers vectorise it. */
#ifndef DECIMAMBA_ANALYSIS_DECAY_H
#define DECIMAMBA_ANALYSIS_DECAY_H

#include <stdint.h>

/* A state that has decayed to this share of itself, or less, counts as 0. */
#define decay_floor 1e-12
#define decay_floor_log (-27.631021f)

/* exp(x), 0 below decay_floor_log; x <= 0. Relative error below 2e-7. It is 2^n exp(r),
 * with |r| <= ln 2 / 2 and exp(r) by its Taylor polynomial of degree 7. */
static inline float decay(float x) {
    union {
        int32_t bits;
        float value;
    } power;
    float bounded = x > decay_floor_log ? x : decay_floor_log;
    int32_t n = (int32_t)(bounded * 1.44269504f - 0.5f);
    float r = bounded - (float)n * 0.693359375f + (float)n * 2.12194440e-4f;
    float p = 1 + r * (1.0f / 7);
    p = 1 + r * (1.0f / 6) * p;
    p = 1 + r * (1.0f / 5) * p;
    p = 1 + r * (1.0f / 4) * p;
    p = 1 + r * (1.0f / 3) * p;
    p = 1 + r * (1.0f / 2) * p;
    p = 1 + r * p;
    power.bits = (n + 127) * (1 << 23);
    return x > decay_floor_log ? p * power.value : 0;
}

#endif
