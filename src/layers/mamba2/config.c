/* The sizes of Mamba-2, in both dialects. */
#include <math.h>

#include "layers/mamba2/mamba2.h"
#include "layers/sizes.h"

const struct dm_size_row dm_mamba2_sizes[] = {
    [D_INNER] = {.name = "d_inner", .gguf = "ssm.inner_size"},
    [D_SSM] = {.name = "d_ssm"},
    [D_STATE] = {.name = "d_state", .gguf = "ssm.state_size"},
    [D_CONV] = {.name = "d_conv", .gguf = "ssm.conv_kernel"},
    [N_HEAD] = {.name = "n_head", .gguf = "ssm.time_step_rank"},
    [N_GROUP] = {.name = "n_group", .gguf = "ssm.group_count"},
    [CONV_BIAS] = {.name = "conv_bias", .is_switch = true},
    [PROJECTION_BIAS] = {.name = "projection_bias", .is_switch = true},
    [GATED_NORM] = {.name = "gated_norm", .is_switch = true},
    [NORM_FIRST] = {.name = "norm_before_gate", .is_switch = true},
    [D_BY_CHANNEL] = {.name = "D_by_channel", .is_switch = true},
};

const struct dm_real_row dm_mamba2_reals[] = {
    [NORM_EPSILON] = {.name = "layer_norm_epsilon"},
    [DT_MIN] = {.name = "time_step_limit"},
    [DT_MAX] = {.name = "time_step_limit"},
};

/* ---- Reading ---- */

/* The heads of d_ssm channels; a group has whole heads. */
static dm_status check_heads(const struct dm_config_source *source, const size_t *size,
                             size_t head_dim, dm_error *error) {
    const char *heads = dm_dialect_key(source, "head_dim", "headdim");
    const char *groups = dm_dialect_key(source, "n_groups", "ngroups");
    if (size[D_SSM] > size[D_INNER])
        return dm_fail(error, DM_ERROR_FORMAT,
                       "%s: \"d_ssm\" is %zu, more than the inner width %zu", source->name,
                       size[D_SSM], size[D_INNER]);
    if (size[D_SSM] % head_dim)
        return dm_fail(error, DM_ERROR_FORMAT,
                       "%s: \"%s\" is %zu, which does not divide the %zu channels of the scan",
                       source->name, heads, head_dim, size[D_SSM]);
    if (size[N_HEAD] % size[N_GROUP])
        return dm_fail(error, DM_ERROR_FORMAT,
                       "%s: \"%s\" is %zu, which does not divide the %zu heads", source->name,
                       groups, size[N_GROUP], size[N_HEAD]);
    if (mamba2_conv_width(size) >= DM_SIZE_LIMIT)
        return dm_fail(error, DM_ERROR_FORMAT, "%s: x, B and C are too wide", source->name);
    return DM_OK;
}

/* What only state-spaces' class can do; in transformers' dialect "ssm_cfg" says it, which is ours. */
static const json_t *official_part(const struct dm_config_source *source) {
    return source->model_type ? json_object_get(source->object, "ssm_cfg") : source->object;
}

/* In transformers' dialect both the number of heads and their width are said, and must agree. */
static dm_status get_heads(const struct dm_config_source *source, size_t *size, dm_error *error) {
    size_t head_dim = 64, n_head = 128;
    size[D_SSM] = size[D_INNER];
    dm_status status = dm_get_size(source->object, dm_dialect_key(source, "head_dim", "headdim"),
                                   source->name, &head_dim, error);
    if (!status)
        status = dm_get_size(official_part(source), "d_ssm", source->name, &size[D_SSM], error);
    if (!status && source->model_type)
        status = dm_get_size(source->object, "num_heads", source->name, &n_head, error);
    if (status)
        return status;
    if (source->model_type && n_head * head_dim != size[D_SSM])
        return dm_fail(error, DM_ERROR_FORMAT,
                       "%s: \"num_heads\" times \"head_dim\" is %zu, \"expand\" times "
                       "\"hidden_size\" is %zu",
                       source->name, n_head * head_dim, size[D_SSM]);
    size[N_HEAD] = size[D_SSM] / head_dim;
    return check_heads(source, size, head_dim, error);
}

static dm_status get_switches(const struct dm_config_source *source, size_t *size,
                              dm_error *error) {
    const json_t *object = source->object, *official = official_part(source);
    const char *name = source->name;
    dm_status status = dm_get_switch(object, dm_dialect_key(source, "use_conv_bias", "conv_bias"),
                                     name, &size[CONV_BIAS], error);
    if (!status)
        status = dm_get_switch(object, dm_dialect_key(source, "use_bias", "bias"), name,
                               &size[PROJECTION_BIAS], error);
    if (!status)
        status = dm_get_switch(official, "rmsnorm", name, &size[GATED_NORM], error);
    if (!status)
        status = dm_get_switch(official, "norm_before_gate", name, &size[NORM_FIRST], error);
    return status ? status
                  : dm_get_switch(official, "D_has_hdim", name, &size[D_BY_CHANNEL], error);
}

/* state-spaces' gated norm has an epsilon of its own, which no config.json sets. */
dm_status dm_mamba2_configure(const struct dm_config_source *source, struct dm_layer_config *config,
                              dm_error *error) {
    const json_t *object = source->object;
    const char *name = source->name;
    size_t *size = config->size;
    size[D_STATE] = 128;
    size[D_CONV] = 4;
    size[N_GROUP] = source->model_type ? 8 : 1;
    size[CONV_BIAS] = size[GATED_NORM] = 1;
    config->real[NORM_EPSILON] = source->model_type ? config->rms_norm_eps : 1e-5;
    config->real[DT_MAX] = INFINITY;
    dm_status status = dm_get_size(object, dm_dialect_key(source, "state_size", "d_state"), name,
                                   &size[D_STATE], error);
    if (!status)
        status = dm_get_size(object, dm_dialect_key(source, "conv_kernel", "d_conv"), name,
                             &size[D_CONV], error);
    if (!status)
        status = dm_get_size(object, dm_dialect_key(source, "n_groups", "ngroups"), name,
                             &size[N_GROUP], error);
    if (!status)
        status = dm_get_expanded(object, name, config->d_model, &size[D_INNER], error);
    if (!status)
        status = get_heads(source, size, error);
    if (!status)
        status = get_switches(source, size, error);
    return status ? status
                  : dm_get_limits(object, dm_dialect_key(source, "time_step_limit", "dt_limit"),
                                  name, &config->real[DT_MIN], error);
}

/* ---- Writing ---- */

/* "expand" must give the inner width again, rounded down, and be whole where it can be. */
static bool describe_width(const struct dm_layer_config *config, json_t *object) {
    size_t E = config->size[D_INNER], D = config->d_model;
    double expand = (double)E / (double)D;
    if (E % D == 0)
        return dm_put_size(object, "expand", E / D);
    if (floor(expand * (double)D) < (double)E)
        expand = nextafter(expand, INFINITY);
    return dm_put_real(object, "expand", expand);
}

static bool describe_official(const struct dm_layer_config *config, json_t *object) {
    const size_t *size = config->size;
    if (size[D_SSM] == size[D_INNER] && size[GATED_NORM] && !size[NORM_FIRST] &&
        !size[D_BY_CHANNEL])
        return true;
    json_t *official = json_object();
    bool done = official && dm_put_size(official, "d_ssm", size[D_SSM]) &&
                dm_put_bool(official, "rmsnorm", size[GATED_NORM]) &&
                dm_put_bool(official, "norm_before_gate", size[NORM_FIRST]) &&
                dm_put_bool(official, "D_has_hdim", size[D_BY_CHANNEL]);
    return !json_object_set_new(object, "ssm_cfg", official) && done;
}

bool dm_mamba2_describe(const struct dm_layer_config *config, json_t *object) {
    const size_t *size = config->size;
    return describe_width(config, object) && dm_put_size(object, "state_size", size[D_STATE]) &&
           dm_put_size(object, "conv_kernel", size[D_CONV]) &&
           dm_put_size(object, "num_heads", size[N_HEAD]) &&
           dm_put_size(object, "head_dim", size[D_SSM] / size[N_HEAD]) &&
           dm_put_size(object, "n_groups", size[N_GROUP]) &&
           dm_put_bool(object, "use_bias", size[PROJECTION_BIAS]) &&
           dm_put_bool(object, "use_conv_bias", size[CONV_BIAS]) &&
           dm_put_limits(object, "time_step_limit", &config->real[DT_MIN]) &&
           describe_official(config, object);
}
