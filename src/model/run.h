/* A network over a packed batch of tokens: embedding, layers in order, head. Knows no kind of layer
 * by name. */
#ifndef DM_MODEL_RUN_H
#define DM_MODEL_RUN_H

#include "layers/network.h"

/* residual <- the embedding of ids. */
void dm_embed(const struct dm_batch *batch);
/* residual -> normed, for the layer. */
void dm_layer_norm(const struct dm_batch *batch, size_t layer);
/* residual -> normed and what the layer carries. */
dm_status dm_layer_inputs(const struct dm_batch *batch, size_t layer, dm_error *error);
/* What the layer carries -> its step; then calls the observer. */
dm_status dm_layer_delta(const struct dm_batch *batch, size_t layer, dm_error *error);
/* normed, carried, step -> residual += ... */
dm_status dm_layer_outputs(const struct dm_batch *batch, size_t layer, dm_error *error);
/* Runs layers first .. end - 1, which drop nothing: by slices where the batch has scratch for them
 * and no observer; else one operation after the other. */
dm_status dm_layers(const struct dm_batch *batch, size_t first, size_t end, dm_error *error);
/* logits [n_token, vocab_size] of the first n_token rows of residual: head(final_norm(residual)). */
dm_status dm_head(const struct dm_batch *batch, dm_real *logits, dm_error *error);

/* Points `at` to the layer's buffers and states; nothing where the batch has no states, in
 * training, which sets them itself. */
void dm_batch_use_layer(const struct dm_batch *batch, size_t layer);
/* Plans the slices, once the weights are loaded. */
void dm_plan_slices(struct dm_network *network);

#endif
