/* Where a new model's weights begin, as its config.json says. */
#ifndef DM_CHECKPOINT_INITIAL_RANGES_H
#define DM_CHECKPOINT_INITIAL_RANGES_H

#include "base/json.h"
#include "layers/model_config.h"

/* Ranges of every layer, [n_layer], freed by the caller. Keys, at the top in transformers' dialect
 * and in ssm_cfg in state-spaces' (its own names in brackets):
 *
 *     time_step_min, time_step_max, time_step_floor   (dt_min, dt_max, dt_init_floor)
 *     A_init_range   [lowest, highest] of -A, or a list with one such, or null, for each layer
 *
 * They say nothing of a model that is there, so only new ones have them checked: a range that is
 * none is DM_ERROR_FORMAT. Messages begin with `name`, a path. */
dm_status dm_initial_ranges_read(const json_t *object, const char *name,
                                 const struct dm_model_config *config,
                                 struct dm_initial_ranges **ranges, dm_error *error);

#endif
