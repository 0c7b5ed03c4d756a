/* The recurrent states of one sequence, in every layer.
 *
 * States of one name and sort are one array, as in a session file: [n_layer of the sort, the
 * state's shape]. */
#ifndef DM_LAYERS_STATE_H
#define DM_LAYERS_STATE_H

#include "layers/model_config.h"

struct dm_state {
    dm_real *values; /* dm_state_size reals */
};

/* Reals of all layers' states. */
size_t dm_state_size(const struct dm_model_config *config);
/* The offset of one of a layer's states; and of a sort's array of them. */
size_t dm_state_offset(const struct dm_model_config *config, size_t layer, size_t state);
size_t dm_state_sort_offset(const struct dm_model_config *config, size_t sort, size_t state);

/* Before the first token: zeros. */
dm_status dm_state_new(const struct dm_model_config *config, struct dm_state *state,
                       dm_error *error);
void dm_state_free(struct dm_state *state);
void dm_state_clear(const struct dm_model_config *config, struct dm_state *state);
/* Clears what follows the cut at `layer`: its states after the cut, and those of all layers
 * above. */
void dm_state_clear_above(const struct dm_model_config *config, struct dm_state *state,
                          size_t layer);
/* Multiplies scaled states by their scales, which become 0: see struct dm_state_row. */
void dm_state_apply_scales(const struct dm_model_config *config, struct dm_state *state);

#endif
