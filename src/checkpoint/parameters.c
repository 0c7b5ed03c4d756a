#include "checkpoint/parameters.h"

#include <stdio.h>

/* In the order of enum dm_parameter. */
static const struct {
    const char *name; /* below backbone.layers.<i>. where per_layer */
    bool per_layer, is_matrix;
} table[DM_N_PARAMETER] = {
    {"backbone.embeddings.weight", false, true},
    {"norm.weight", true, false},
    {"mixer.in_proj.weight", true, true},
    {"mixer.in_proj.bias", true, false},
    {"mixer.conv1d.weight", true, false},
    {"mixer.conv1d.bias", true, false},
    {"mixer.x_proj.weight", true, true},
    {"mixer.dt_proj.weight", true, true},
    {"mixer.dt_proj.bias", true, false},
    {"mixer.A_log", true, false},
    {"mixer.D", true, false},
    {"mixer.out_proj.weight", true, true},
    {"mixer.out_proj.bias", true, false},
    {"backbone.norm_f.weight", false, false},
    {"lm_head.weight", false, true},
};

bool dm_parameter_is_per_layer(enum dm_parameter parameter) {
    return table[parameter].per_layer;
}

bool dm_parameter_is_matrix(enum dm_parameter parameter) {
    return table[parameter].is_matrix;
}

bool dm_parameter_exists(enum dm_parameter parameter, const struct dm_model_config *config) {
    switch (parameter) {
    case DM_IN_PROJ_BIAS:
    case DM_OUT_PROJ_BIAS:
        return config->projection_bias;
    case DM_CONV_BIAS:
        return config->conv_bias;
    case DM_HEAD:
        return !config->tied_head;
    default:
        return true;
    }
}

static struct dm_shape vector(size_t n) {
    return (struct dm_shape){1, {n}};
}

static struct dm_shape matrix(size_t n_row, size_t n_column) {
    return (struct dm_shape){2, {n_row, n_column}};
}

struct dm_shape dm_parameter_shape(enum dm_parameter parameter,
                                   const struct dm_model_config *config) {
    switch (parameter) {
    case DM_EMBEDDING:
    case DM_HEAD:
        return matrix(config->vocab_size, config->d_model);
    case DM_IN_PROJ:
        return matrix(2 * config->d_inner, config->d_model);
    case DM_IN_PROJ_BIAS:
        return vector(2 * config->d_inner);
    case DM_CONV_WEIGHT:
        return (struct dm_shape){3, {config->d_inner, 1, config->d_conv}};
    case DM_X_PROJ:
        return matrix(config->dt_rank + 2 * config->d_state, config->d_inner);
    case DM_DT_PROJ:
        return matrix(config->d_inner, config->dt_rank);
    case DM_CONV_BIAS:
    case DM_DT_BIAS:
    case DM_D:
        return vector(config->d_inner);
    case DM_A_LOG:
        return matrix(config->d_inner, config->d_state);
    case DM_OUT_PROJ:
        return matrix(config->d_model, config->d_inner);
    default: /* the norms and DM_OUT_PROJ_BIAS */
        return vector(config->d_model);
    }
}

size_t dm_shape_n_element(struct dm_shape shape) {
    size_t n = 1;
    for (size_t i = 0; i < shape.n_dim; i++)
        n *=
            shape.size
                [i]; /* fits: two sizes at most differ from 1, the larger below 2^33, the other below 2^31 */
    return n;
}

void dm_parameter_name(enum dm_parameter parameter, size_t layer, bool official,
                       char name[DM_MAX_NAME]) {
    if (table[parameter].per_layer)
        snprintf(name, DM_MAX_NAME, "backbone.layers.%zu.%s", layer, table[parameter].name);
    else if (parameter == DM_EMBEDDING && official)
        snprintf(name, DM_MAX_NAME, "backbone.embedding.weight");
    else
        snprintf(name, DM_MAX_NAME, "%s", table[parameter].name);
}
