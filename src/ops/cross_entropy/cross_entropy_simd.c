#include <math.h>

#include "ops/simd_math.h"
#include "ops/simd_ops.h"

/* The largest of the first n, a multiple of VF_LANES; a NaN may be passed over. */
static float largest(const float *logits, size_t n) {
    vf most = vf_set1(-INFINITY);
    float lanes[VF_LANES];
    for (size_t v = 0; v < n; v += VF_LANES)
        most = vf_max(vf_load(logits + v, VF_LANES), most);
    vf_store(lanes, VF_LANES, most);
    for (size_t i = 1; i < VF_LANES; i++)
        lanes[0] = lanes[i] > lanes[0] ? lanes[i] : lanes[0];
    return lanes[0];
}

double DM_VARIANT(dm_cross_entropy)(const float *logits, size_t vocab_size, int32_t id) {
    size_t n = vocab_size - vocab_size % VF_LANES;
    float most = largest(logits, n);
    for (size_t v = n; v < vocab_size; v++)
        most = logits[v] > most ? logits[v] : most;
    vd sums = vd_zero();
    for (size_t v = 0; v < n; v += VF_LANES) {
        vf less = vf_sub(vf_load(logits + v, VF_LANES), vf_set1(most));
        sums = vd_add(vd_widen(vf_exp(less)), sums);
    }
    double sum = vd_sum(sums);
    for (size_t v = n; v < vocab_size; v++)
        sum += exp((double)logits[v] - most);
    return log(sum) + ((double)most - logits[id]);
}
