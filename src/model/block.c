#include "model/block.h"

#include "model/walk.h"

dm_status dm_block_inputs(const struct dm_batch *batch, size_t layer, dm_error *error) {
    dm_mixer_norm(batch, layer);
    if (!dm_walk_has_room(batch))
        return dm_mixer_inputs(batch, layer, error);
    dm_walk_prepare(batch, layer);
    dm_status status = dm_walk_inputs(batch, layer, error);
    return status ? status : dm_mixer_parameters(batch, layer, error);
}

dm_status dm_block(const struct dm_batch *batch, size_t layer, dm_error *error) {
    dm_status status = dm_block_inputs(batch, layer, error);
    if (!status && dm_walk_has_room(batch) && !batch->observe) {
        status = dm_walk_scan(batch, layer, error);
        return status ? status : dm_walk_outputs(batch, layer, error);
    }
    if (!status)
        status = dm_mixer_delta(batch, layer, error);
    if (!status)
        status = dm_mixer_outputs(batch, layer, error);
    return status;
}

dm_status dm_blocks(const struct dm_batch *batch, size_t first, size_t end, dm_error *error) {
    dm_status status = DM_OK;
    for (size_t layer = first; layer < end && !status; layer++)
        status = dm_block(batch, layer, error);
    return status;
}
