/* Layers as reading runs them: by walks where there is room for them, and nobody is to be shown
 * Delta; else one operation after the other. */
#ifndef DM_MODEL_BLOCK_H
#define DM_MODEL_BLOCK_H

#include "model/mixer.h"

/* residual -> normed, u, dt, BC; moves conv_state on. */
dm_status dm_block_inputs(const struct dm_batch *batch, size_t layer, dm_error *error);
/* A whole layer that drops nothing. */
dm_status dm_block(const struct dm_batch *batch, size_t layer, dm_error *error);
/* Layers first .. end - 1, which drop nothing. */
dm_status dm_blocks(const struct dm_batch *batch, size_t first, size_t end, dm_error *error);

#endif
