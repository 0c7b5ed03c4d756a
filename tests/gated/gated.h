/* A kind of layer that lives in the tests alone, to show what a kind needs: a gated linear
 * recurrence, channel by channel,
 *     residual += out(h);   h[t] = a[t] * h[t-1] + (1 - a[t]) * x[t],   a[t] = exp(-g[t])
 *     g[t] = softplus(gate(x[t])),   x[t] = v[t] + shift * v[t-1],   v = in(norm(residual))
 * A token is scored by its step g; v's last row is a state before the cut, h one after it. */
#ifndef DM_TESTS_GATED_GATED_H
#define DM_TESTS_GATED_GATED_H

#include "layers/layer.h"

extern const struct dm_layer_kind dm_gated;

#endif
