#include "layers/state.h"

#include <string.h>

#include "base/memory.h"

static size_t one_state(const struct dm_layer_config *config, size_t state) {
    return dm_shape_n_element(config->kind->state_shape(config, state));
}

/* Reals before state `end_state` of sort `end_sort`; false: more than a size_t counts. */
static bool count(const struct dm_model_config *config, size_t end_sort, size_t end_state,
                  size_t *n) {
    *n = 0;
    for (size_t sort = 0; sort <= end_sort && sort < config->n_sort; sort++) {
        const struct dm_layer_config *own = &config->sorts[sort];
        size_t n_state = sort == end_sort ? end_state : own->kind->n_state;
        for (size_t i = 0; i < n_state; i++) {
            size_t all;
            if (!dm_size_mul(dm_sort_count(config, sort), one_state(own, i), &all) ||
                !dm_size_add(*n, all, n))
                return false;
        }
    }
    return true;
}

size_t dm_state_sort_offset(const struct dm_model_config *config, size_t sort, size_t state) {
    size_t n;
    count(config, sort, state, &n);
    return n;
}

size_t dm_state_size(const struct dm_model_config *config) {
    return dm_state_sort_offset(config, config->n_sort, 0);
}

size_t dm_state_offset(const struct dm_model_config *config, size_t layer, size_t state) {
    return dm_state_sort_offset(config, dm_sort_of(config, layer), state) +
           dm_index_in_sort(config, layer) * one_state(dm_layer_config_of(config, layer), state);
}

dm_status dm_state_new(const struct dm_model_config *config, struct dm_state *state,
                       dm_error *error) {
    size_t n;
    state->values =
        count(config, config->n_sort, 0, &n) ? dm_memory_zeroed(n, sizeof(dm_real)) : NULL;
    return state->values ? DM_OK : dm_fail_memory(error, "a session's state");
}

void dm_state_free(struct dm_state *state) {
    dm_memory_free(state->values);
    *state = (struct dm_state){0};
}

void dm_state_clear(const struct dm_model_config *config, struct dm_state *state) {
    memset(state->values, 0, dm_state_size(config) * sizeof *state->values);
}

void dm_state_clear_above(const struct dm_model_config *config, struct dm_state *state,
                          size_t layer) {
    for (size_t i = layer; i < config->n_layer; i++) {
        const struct dm_layer_config *own = dm_layer_config_of(config, i);
        for (size_t k = 0; k < own->kind->n_state; k++)
            if (i > layer || own->kind->states[k].after_cut)
                memset(state->values + dm_state_offset(config, i, k), 0,
                       one_state(own, k) * sizeof *state->values);
    }
}

static void apply_scales(dm_real *state, size_t n, dm_real *scale, size_t n_scale) {
    for (size_t i = 0; i < n; i++) {
        dm_real by = scale[i / (n / n_scale)];
        state[i] *= by == 0 ? 1 : by;
    }
    memset(scale, 0, n_scale * sizeof *scale);
}

void dm_state_apply_scales(const struct dm_model_config *config, struct dm_state *state) {
    for (size_t i = 0; i < config->n_layer; i++) {
        const struct dm_layer_config *own = dm_layer_config_of(config, i);
        for (size_t k = 0; k < own->kind->n_state; k++) {
            size_t scaled = own->kind->states[k].scales;
            if (scaled)
                apply_scales(state->values + dm_state_offset(config, i, scaled - 1),
                             one_state(own, scaled - 1),
                             state->values + dm_state_offset(config, i, k), one_state(own, k));
        }
    }
}
