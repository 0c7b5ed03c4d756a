#include "model/state.h"

#include <string.h>

#include "base/memory.h"

dm_status dm_state_new(const struct dm_model_config *config, struct dm_state *state,
                       dm_error *error) {
    size_t conv, ssm;
    *state = (struct dm_state){0};
    if (dm_size_mul(config->n_layer, dm_state_conv_size(config), &conv) &&
        dm_size_mul(config->n_layer, dm_state_ssm_size(config), &ssm)) {
        state->conv = dm_memory_zeroed(conv, sizeof(dm_real));
        state->ssm = dm_memory_zeroed(ssm, sizeof(dm_real));
    }
    if (state->conv && state->ssm)
        return DM_OK;
    dm_state_free(state);
    return dm_fail_memory(error, "a session's state");
}

void dm_state_free(struct dm_state *state) {
    dm_memory_free(state->conv);
    dm_memory_free(state->ssm);
    *state = (struct dm_state){0};
}

void dm_state_clear_conv(const struct dm_model_config *config, struct dm_state *state, size_t first,
                         size_t last) {
    size_t size = dm_state_conv_size(config);
    if (first < last)
        memset(state->conv + first * size, 0, (last - first) * size * sizeof(dm_real));
}

void dm_state_clear_ssm(const struct dm_model_config *config, struct dm_state *state, size_t first,
                        size_t last) {
    size_t size = dm_state_ssm_size(config);
    if (first < last)
        memset(state->ssm + first * size, 0, (last - first) * size * sizeof(dm_real));
}
