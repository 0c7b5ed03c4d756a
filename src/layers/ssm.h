/* What layers with a selective state space share, whatever kind they are of: their initial values,
 * and A. */
#ifndef DM_LAYERS_SSM_H
#define DM_LAYERS_SSM_H

#include "base/random.h"
#include "layers/layer.h"
#include "ops/real.h"

/* ---- Initial values, as state-spaces/mamba draws them ---- */

double dm_draw_uniform(struct dm_random *random, double low, double high);
/* PyTorch's default of nn.Linear and nn.Conv1d: uniform in +-1 / sqrt(fan_in). */
double dm_draw_linear(struct dm_random *random, size_t fan_in);
/* A bias of dt, as the ranges say. */
double dm_draw_dt_bias(struct dm_random *random, const struct dm_initial_ranges *ranges);

/* ---- A ---- */

/* -exp(A_log), at most 2^127 in magnitude: exp may overflow for a finite A_log, and infinity times a
 * step of 0 would be NaN. Either way a step above 1e-36 leaves nothing of a state. The vector code
 * needs room for A / ln 2. */
dm_real dm_decay(dm_real A_log);
/* A, as GGUF stores it. */
float dm_decay_to_gguf(float A_log);
/* A_log of an A, so that it gives that A again where a float does: the nearest to the logarithm, or a
 * neighbour. (Several may: then it is not that which A was made of.) */
float dm_decay_from_gguf(float A);

/* ---- The convolution's weight: a parameter [n_channel, 1, d_conv], read as [d_conv, n_channel] ---- */

void dm_arrange_conv(const dm_real *conv1d, size_t n_channel, size_t d_conv, dm_real *out);
/* The gradient the other way round; `gradient` NULL: frozen. */
void dm_add_conv_gradient(const dm_real *arranged, size_t n_channel, size_t d_conv,
                          dm_real *gradient);

#endif
