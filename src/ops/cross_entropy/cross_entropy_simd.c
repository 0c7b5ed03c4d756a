#include <math.h>

#include "ops/simd_math.h"
#include "ops/simd_ops.h"

/* The largest, n_whole of them in whole vectors; a NaN may be passed over. */
static float largest(const float *logits, size_t vocab_size) {
    size_t n = vocab_size - vocab_size % VF_LANES;
    vf max = vf_set1(-INFINITY);
    float lanes[VF_LANES];
    for (size_t v = 0; v < n; v += VF_LANES)
        max = vf_max(vf_load(logits + v, VF_LANES), max);
    vf_store(lanes, VF_LANES, max);
    for (size_t i = 1; i < VF_LANES; i++)
        lanes[0] = lanes[i] > lanes[0] ? lanes[i] : lanes[0];
    for (size_t v = n; v < vocab_size; v++)
        lanes[0] = logits[v] > lanes[0] ? logits[v] : lanes[0];
    return lanes[0];
}

/* sum_v exp(logits[v] - most); each of them goes to `out`, unless that is NULL. */
static double sum_exponentials(const float *logits, size_t vocab_size, float max, float *out) {
    size_t n = vocab_size - vocab_size % VF_LANES;
    vd sums = vd_zero();
    for (size_t v = 0; v < n; v += VF_LANES) {
        vf power = vf_exp_negative(vf_sub(vf_load(logits + v, VF_LANES), vf_set1(max)));
        sums = vd_add(vd_widen(power), sums);
        if (out)
            vf_store(out + v, VF_LANES, power);
    }
    double sum = vd_sum(sums);
    for (size_t v = n; v < vocab_size; v++) {
        double power = exp((double)logits[v] - max);
        sum += power;
        if (out)
            out[v] = (float)power;
    }
    return sum;
}

double DM_VARIANT(dm_cross_entropy)(const float *logits, size_t vocab_size, int32_t id) {
    float max = largest(logits, vocab_size);
    return log(sum_exponentials(logits, vocab_size, max, NULL)) + ((double)max - logits[id]);
}

double DM_VARIANT(dm_cross_entropy_backward)(float *logits, size_t vocab_size, int32_t id,
                                             float scale) {
    float max = largest(logits, vocab_size);
    double less = (double)max - logits[id];
    double sum = sum_exponentials(logits, vocab_size, max, logits);
    vf share = vf_set1((float)(scale / sum));
    for (size_t v = 0, n; v < vocab_size; v += n) {
        n = dm_simd_lanes(vocab_size - v);
        vf_store(logits + v, n, vf_mul(vf_load(logits + v, n), share));
    }
    logits[id] -= scale;
    return log(sum) + less;
}
