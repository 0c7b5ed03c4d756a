/* The recurrent state of one sequence in every layer. */
#ifndef DM_MODEL_STATE_H
#define DM_MODEL_STATE_H

#include "checkpoint/model_config.h"
#include "ops/real.h"

struct dm_state {
    dm_real *conv; /* [n_layer, d_conv - 1, d_inner], oldest row first */
    dm_real *ssm;  /* [n_layer, d_state, d_inner] */
};

dm_status dm_state_new(const struct dm_model_config *config, struct dm_state *state,
                       dm_error *error);
void dm_state_free(struct dm_state *state);

static inline size_t dm_state_conv_size(const struct dm_model_config *config) {
    return (config->d_conv - 1) * config->d_inner; /* floats of one layer */
}
static inline size_t dm_state_ssm_size(const struct dm_model_config *config) {
    return config->d_state * config->d_inner;
}
/* Before the first token: zeros, in layers [first, last). */
void dm_state_clear_conv(const struct dm_model_config *config, struct dm_state *state, size_t first,
                         size_t last);
void dm_state_clear_ssm(const struct dm_model_config *config, struct dm_state *state, size_t first,
                        size_t last);

#endif
