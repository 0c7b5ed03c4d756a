#include "ops/simd_math.h"
#include "ops/simd_ops.h"

/* Token t of the sequence, n lanes from channel c. The first taps see the state's rows, of which
 * row t comes first, the others the sequence's own. */
static void convolve(const struct dm_causal_conv1d *op, size_t sequence, size_t t, size_t c,
                     size_t n) {
    size_t n_old = t + 1 < op->d_conv ? op->d_conv - 1 - t : 0, k = 0;
    const float *weight = op->weight + c;
    float *y = op->y + (op->start[sequence] + t) * op->d_inner + c;
    vf sum = op->bias ? vf_load(op->bias + c, n) : vf_set1(0);
    for (; k < n_old; k++, weight += op->d_inner)
        sum = vf_fma(vf_load(weight, n),
                     vf_load(op->conv_state[sequence] + (t + k) * op->d_inner + c, n), sum);
    const float *x = op->x + (op->start[sequence] + t + 1 + k - op->d_conv) * op->d_inner + c;
    for (; k < op->d_conv; k++, weight += op->d_inner, x += op->d_inner)
        sum = vf_fma(vf_load(weight, n), vf_load(x, n), sum);
    vf_store(y, n, vf_silu(sum));
}

void DM_VARIANT(dm_causal_conv1d)(const struct dm_causal_conv1d *op, size_t channel,
                                  size_t n_channel) {
    for (size_t s = 0; s < op->n_sequence; s++) {
        for (size_t t = 0; t < op->start[s + 1] - op->start[s]; t++)
            for (size_t i = 0, n; i < n_channel; i += n) {
                n = dm_simd_lanes(n_channel - i);
                convolve(op, s, t, channel + i, n);
            }
        dm_causal_conv1d_keep_state(op, s, channel, n_channel);
    }
}
