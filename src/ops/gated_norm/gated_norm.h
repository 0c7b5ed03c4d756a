/* Mamba-2's gate and norm: a row's channels in groups of width / n_group, w being `weight`,
 *     p[i] = x[i] * silu(z[i]);   y[i] = w[i] * p[i] * r,   r = 1 / sqrt(mean of v^2 + epsilon)
 * over the channels of i's group, v being p or, with the norm first, x. Without weight there is no
 * norm: y[i] = p[i].
 * Source: Dao & Gu 2024, section 7.2; official RMSNormGated. y may be z, where rows are as far apart
 * in both. */
#ifndef DM_OPS_GATED_NORM_H
#define DM_OPS_GATED_NORM_H

#include <stdbool.h>

#include "ops/real.h"

struct dm_gated_norm {
    size_t width, n_group; /* n_group divides width */
    dm_real epsilon;
    bool norm_first;
    const dm_real *x, *z;          /* [n_token, width] */
    size_t x_step, z_step, y_step; /* from row to row */
    const dm_real *weight;         /* [width], or NULL */
    dm_real *y;                    /* [n_token, width] */
};

void dm_gated_norm_reference(const struct dm_gated_norm *op, size_t token, size_t n_token);

/* With s = sum of dy w p over the group,
 *     dp[i] = dy[i] * w[i] * r - v[i] * s * r^3 / (channels of the group)
 * the last term being that of x where the norm comes first; dx = dp * silu(z), dz = dp * x * silu'(z).
 * `op` is as before the forward pass, which did not run in place; its y is not read. */
struct dm_gated_norm_grad {
    const dm_real *dy; /* rows as those of y */
    dm_real *dx, *dz;  /* rows as those of x and z, overwritten */
    dm_real *rstd;     /* [n_token, n_group]: r, written by the first pass, read by the second; NULL
                          without weight */
    dm_real *dweight;  /* [width], accumulates */
};

/* dx, dz and rstd of a range of tokens. */
void dm_gated_norm_backward_reference(const struct dm_gated_norm *op,
                                      const struct dm_gated_norm_grad *grad, size_t token,
                                      size_t n_token);
/* dweight of a range of channels, over tokens 0 .. n_token - 1, in order. */
void dm_gated_norm_weight_backward_reference(const struct dm_gated_norm *op,
                                             const struct dm_gated_norm_grad *grad, size_t n_token,
                                             size_t channel, size_t n_channel);

#endif
