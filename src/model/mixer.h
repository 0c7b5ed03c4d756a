/* A layer of the network over a packed batch of tokens:
 *     residual += out_proj(scan(u, Delta, A, B, C, D) * silu(z))
 *     x, z = in_proj(norm(residual));  u = silu(conv(x));  dt, B, C = x_proj(u)
 *     Delta = softplus(dt_proj(dt) + dt_bias)
 * Source: Gu & Dao 2023, figure 3 and Algorithm 2. It comes in three parts, so that tokens can be
 * dropped between the second and the third. */
#ifndef DM_MODEL_MIXER_H
#define DM_MODEL_MIXER_H

#include "context/context.h"
#include "model/activations.h"
#include "model/network.h"
#include "model/state.h"

/* A batch at work: rows of `activations`, sequences by `start`, one state for each. */
struct dm_batch {
    const struct dm_network *network;
    struct dm_activations *at;
    size_t n_token, n_sequence;     /* `at->start` holds n_sequence + 1 offsets */
    struct dm_state *const *states; /* [n_sequence]; NULL: `at` points at the layer's states */
    const size_t *first_position;   /* [n_sequence] of their first rows, in the input of the layers
                                       at work; NULL: 0 */
    dm_status (*observe)(void *observer, const struct dm_batch *batch, size_t layer,
                         dm_error *error);
    void *observer; /* told of each layer when its Delta is there; observe NULL: nobody */
};

/* residual <- the embedding of ids. */
void dm_embed(const struct dm_batch *batch);
/* residual -> normed. */
void dm_mixer_norm(const struct dm_batch *batch, size_t layer);
/* normed -> u, dt, BC; moves conv_state on. */
dm_status dm_mixer_inputs(const struct dm_batch *batch, size_t layer, dm_error *error);
/* Its last part: u -> dt, BC. */
dm_status dm_mixer_parameters(const struct dm_batch *batch, size_t layer, dm_error *error);
/* dt -> delta. */
dm_status dm_mixer_delta(const struct dm_batch *batch, size_t layer, dm_error *error);
/* delta, residual -> score, as the context's stage has it; nothing where the latest tokens are kept.
 */
void dm_mixer_score(const struct dm_batch *batch, const struct dm_context *context,
                    const struct dm_stage *stage);
/* normed, u, delta, BC -> y; moves ssm_state on. */
dm_status dm_mixer_scan(const struct dm_batch *batch, size_t layer, dm_error *error);
/* The same, and residual += out_proj(y). */
dm_status dm_mixer_outputs(const struct dm_batch *batch, size_t layer, dm_error *error);
/* y[t, i] += bias[i] for rows of `width`, `step` apart. */
void dm_add_bias(const dm_real *bias, size_t n_token, size_t width, size_t step, dm_real *y);
/* The operations of the layer find its states in `at`, where the batch has any. */
void dm_mixer_use_conv_states(const struct dm_batch *batch, size_t layer);
void dm_mixer_use_ssm_states(const struct dm_batch *batch, size_t layer);

/* logits [n_token, vocab_size] of the first n_token rows of residual: head(final_norm(residual)).
 */
dm_status dm_head(const struct dm_batch *batch, dm_real *logits, dm_error *error);

#endif
