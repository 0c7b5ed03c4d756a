#include "ops/causal_conv1d/causal_conv1d.h"

#include <math.h>
#include <string.h>

void dm_causal_conv1d_keep_state(const struct dm_causal_conv1d *op, size_t sequence, size_t channel,
                                 size_t n_channel) {
    size_t n = op->start[sequence + 1] - op->start[sequence];
    for (size_t k = 0; k + 1 < op->d_conv; k++) {
        ptrdiff_t t = (ptrdiff_t)(n + k) - ((ptrdiff_t)op->d_conv - 1);
        memmove(op->conv_state[sequence] + k * op->d_inner + channel,
                dm_causal_conv1d_row(op, sequence, t) + channel, n_channel * sizeof(float));
    }
}

void dm_causal_conv1d_reference(const struct dm_causal_conv1d *op, size_t channel,
                                size_t n_channel) {
    for (size_t s = 0; s < op->n_sequence; s++) {
        size_t n = op->start[s + 1] - op->start[s];
        for (size_t t = 0; t < n; t++) {
            float *y = op->y + (op->start[s] + t) * op->d_inner;
            for (size_t c = channel; c < channel + n_channel; c++) {
                float sum = op->bias ? op->bias[c] : 0;
                for (size_t k = 0; k < op->d_conv; k++) {
                    ptrdiff_t row = (ptrdiff_t)(t + k) - ((ptrdiff_t)op->d_conv - 1);
                    sum += op->weight[k * op->d_inner + c] * dm_causal_conv1d_row(op, s, row)[c];
                }
                y[c] = sum / (1 + expf(-sum));
            }
        }
        dm_causal_conv1d_keep_state(op, s, channel, n_channel);
    }
}
