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
/* What the layer carries -> its step; shown to whoever looks on. */
dm_status dm_layer_delta(const struct dm_batch *batch, size_t layer, dm_error *error);
/* normed, carried, step -> residual += ... */
dm_status dm_layer_outputs(const struct dm_batch *batch, size_t layer, dm_error *error);
/* Layers first .. end - 1, which drop nothing: by slices where there is room for them, and nobody is
 * to be shown Delta; else one operation after the other. */
dm_status dm_layers(const struct dm_batch *batch, size_t first, size_t end, dm_error *error);
/* logits [n_token, vocab_size] of the first n_token rows of residual: head(final_norm(residual)). */
dm_status dm_head(const struct dm_batch *batch, dm_real *logits, dm_error *error);

/* `at` holds the buffers and states of the layer, where the batch's states say whose: training has
 * set them itself. */
void dm_batch_use_layer(const struct dm_batch *batch, size_t layer);
/* How slices are cut, once the weights are there. */
void dm_plan_slices(struct dm_network *network);

#endif
