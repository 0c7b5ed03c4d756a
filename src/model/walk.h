/* A layer as walks over slices of channels, for reading: what a product makes of a slice is used by
 * the operations that follow it while it is in the thread's own cache, and is never stored whole.
 * Bits are those of the mixer's operations one after the other. */
#ifndef DM_MODEL_WALK_H
#define DM_MODEL_WALK_H

#include "model/mixer.h"

/* Sets network->walk, once the weights are there. */
void dm_walk_plan(struct dm_network *network);
/* Has the batch the room that walks need? Training's has not: it keeps what they do not store. */
static inline bool dm_walk_has_room(const struct dm_batch *batch) {
    return batch->at->strips != NULL;
}

/* normed -> what the walks read of it; before them. */
void dm_walk_prepare(const struct dm_batch *batch, size_t layer);
/* in_proj's x, convolution and SiLU -> u; moves conv_state on. */
dm_status dm_walk_inputs(const struct dm_batch *batch, size_t layer, dm_error *error);
/* u, dt, BC -> dt_proj, softplus, in_proj's z, scan and gate -> y; moves ssm_state on. */
dm_status dm_walk_scan(const struct dm_batch *batch, size_t layer, dm_error *error);
/* residual += out_proj(y). */
dm_status dm_walk_outputs(const struct dm_batch *batch, size_t layer, dm_error *error);

#endif
