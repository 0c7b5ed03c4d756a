#include "ops/causal_conv1d/causal_conv1d.h"

#include <string.h>
#include <tgmath.h>

void dm_causal_conv1d_keep_state(const struct dm_causal_conv1d *op, size_t sequence, size_t channel,
                                 size_t n_channel) {
    size_t n = op->start[sequence + 1] - op->start[sequence];
    for (size_t k = 0; k + 1 < op->d_conv; k++) {
        ptrdiff_t t = (ptrdiff_t)(n + k) - ((ptrdiff_t)op->d_conv - 1);
        memmove(op->conv_state[sequence] + k * op->d_inner + channel,
                dm_causal_conv1d_row(op, sequence, t, channel), n_channel * sizeof(dm_real));
    }
}

void dm_causal_conv1d_reference(const struct dm_causal_conv1d *op, size_t channel,
                                size_t n_channel) {
    for (size_t s = 0; s < op->n_sequence; s++) {
        size_t n = op->start[s + 1] - op->start[s];
        for (size_t t = 0; t < n; t++) {
            dm_real *y = op->y + (op->start[s] + t) * op->d_inner;
            for (size_t c = channel; c < channel + n_channel; c++) {
                dm_real sum = op->bias ? op->bias[c] : 0;
                for (size_t k = 0; k < op->d_conv; k++) {
                    ptrdiff_t row = (ptrdiff_t)(t + k) - ((ptrdiff_t)op->d_conv - 1);
                    sum += op->weight[k * op->d_inner + c] * *dm_causal_conv1d_row(op, s, row, c);
                }
                y[c] = sum / (1 + exp(-sum));
            }
        }
        dm_causal_conv1d_keep_state(op, s, channel, n_channel);
    }
}

void dm_causal_conv1d_start_gradient(const struct dm_causal_conv1d *op,
                                     const struct dm_causal_conv1d_grad *grad, size_t sequence,
                                     size_t channel, size_t n_channel) {
    size_t n = op->start[sequence + 1] - op->start[sequence], n_state = op->d_conv - 1;
    size_t size = n_channel * sizeof(dm_real);
    for (size_t t = n < n_state ? 0 : n - n_state; t < n; t++)
        memset(grad->dx + (op->start[sequence] + t) * op->d_inner + channel, 0, size);
    if (!grad->dconv_state || n == 0)
        return;
    /* row k of the final state was row n + k - n_state; going down, none is read after written */
    for (size_t k = n_state; k-- > 0;) {
        ptrdiff_t row = (ptrdiff_t)(n + k) - (ptrdiff_t)n_state;
        dm_real *from = grad->dconv_state[sequence] + k * op->d_inner + channel;
        memcpy(dm_causal_conv1d_gradient_row(op, grad, sequence, row) + channel, from, size);
        memset(from, 0, size);
    }
}

/* The gradient of a token's sum before the silu, channel c. */
static dm_real sum_gradient(const struct dm_causal_conv1d *op, dm_real dy, size_t sequence,
                            ptrdiff_t first, size_t c) {
    dm_real v = op->bias ? op->bias[c] : 0;
    for (size_t k = 0; k < op->d_conv; k++)
        v += op->weight[k * op->d_inner + c] *
             *dm_causal_conv1d_row(op, sequence, first + (ptrdiff_t)k, c);
    dm_real sigmoid = 1 / (1 + exp(-v));
    return dy * sigmoid * (1 + v * (1 - sigmoid));
}

void dm_causal_conv1d_backward_reference(const struct dm_causal_conv1d *op,
                                         const struct dm_causal_conv1d_grad *grad, size_t channel,
                                         size_t n_channel) {
    for (size_t s = 0; s < op->n_sequence; s++) {
        size_t n = op->start[s + 1] - op->start[s];
        for (size_t t = 0; t < n; t++)
            memset(grad->dx + (op->start[s] + t) * op->d_inner + channel, 0,
                   n_channel * sizeof(dm_real));
        dm_causal_conv1d_start_gradient(op, grad, s, channel, n_channel);
        for (size_t t = 0; t < n; t++) {
            ptrdiff_t first = (ptrdiff_t)t - ((ptrdiff_t)op->d_conv - 1);
            const dm_real *dy = grad->dy + (op->start[s] + t) * op->d_inner;
            for (size_t c = channel; c < channel + n_channel; c++) {
                dm_real dv = sum_gradient(op, dy[c], s, first, c);
                if (grad->dbias)
                    grad->dbias[c] += dv;
                for (size_t k = 0; k < op->d_conv; k++) {
                    ptrdiff_t row = first + (ptrdiff_t)k;
                    dm_real *dx = dm_causal_conv1d_gradient_row(op, grad, s, row);
                    grad->dweight[k * op->d_inner + c] += dv * *dm_causal_conv1d_row(op, s, row, c);
                    if (dx)
                        dx[c] += op->weight[k * op->d_inner + c] * dv;
                }
            }
        }
    }
}
