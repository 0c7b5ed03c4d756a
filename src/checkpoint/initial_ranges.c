#include "checkpoint/initial_ranges.h"

#include <math.h>

#include "base/memory.h"
#include "layers/sizes.h"

/* transformers' keys are at the top; state-spaces' in ssm_cfg, which may be missing. */
static struct dm_config_source source_of(const json_t *object, const char *name) {
    const char *type = json_string_value(json_object_get(object, "model_type"));
    return (struct dm_config_source){type ? object : json_object_get(object, "ssm_cfg"), name,
                                     type};
}

static dm_status read_dt(const struct dm_config_source *source, struct dm_initial_ranges *ranges,
                         dm_error *error) {
    const char *low = dm_dialect_key(source, "time_step_min", "dt_min");
    const char *high = dm_dialect_key(source, "time_step_max", "dt_max");
    const char *floor = dm_dialect_key(source, "time_step_floor", "dt_init_floor");
    const json_t *object = source->object;
    dm_status status = dm_json_get_real(object, low, source->name, &ranges->dt[0], error);
    if (!status)
        status = dm_json_get_real(object, high, source->name, &ranges->dt[1], error);
    if (!status)
        status = dm_json_get_real(object, floor, source->name, &ranges->dt_floor, error);
    if (status)
        return status;
    if (!(ranges->dt[0] > 0 && ranges->dt[0] <= ranges->dt[1]))
        return dm_fail(error, DM_ERROR_FORMAT,
                       "%s: \"%s\" is %g and \"%s\" %g: the first must be above 0, and the second "
                       "not below it",
                       source->name, low, ranges->dt[0], high, ranges->dt[1]);
    if (!(ranges->dt_floor >= 0))
        return dm_fail(error, DM_ERROR_FORMAT, "%s: \"%s\" must be 0 or more", source->name, floor);
    return DM_OK;
}

/* ---- A ---- */

static const char A_key[] = "A_init_range";

static bool is_range(const json_t *value, double range[2]) {
    return json_array_size(value) == 2 && dm_json_number(json_array_get(value, 0), &range[0]) &&
           dm_json_number(json_array_get(value, 1), &range[1]) && range[0] > 0 &&
           range[0] <= range[1] && isfinite(range[1]);
}

static dm_status by_layer(const struct dm_config_source *source, const json_t *list, size_t n_layer,
                          struct dm_initial_ranges *ranges, dm_error *error) {
    if (json_array_size(list) != n_layer)
        return dm_fail(error, DM_ERROR_FORMAT,
                       "%s: \"%s\" must be a range, or have one for each of the %zu layers",
                       source->name, A_key, n_layer);
    for (size_t layer = 0; layer < n_layer; layer++) {
        const json_t *value = json_array_get(list, layer);
        if (!json_is_null(value) && !is_range(value, ranges[layer].magnitude))
            return dm_fail(error, DM_ERROR_FORMAT,
                           "%s: \"%s\" of layer %zu must be two numbers, the first above 0 and the "
                           "second not below it, or null",
                           source->name, A_key, layer);
    }
    return DM_OK;
}

static dm_status read_A(const struct dm_config_source *source, size_t n_layer,
                        struct dm_initial_ranges *ranges, dm_error *error) {
    const json_t *value = json_object_get(source->object, A_key), *first = json_array_get(value, 0);
    double range[2];
    if (!value || json_is_null(value))
        return DM_OK;
    if (json_is_array(first) || json_is_null(first))
        return by_layer(source, value, n_layer, ranges, error);
    if (!is_range(value, range))
        return dm_fail(error, DM_ERROR_FORMAT,
                       "%s: \"%s\" must be two numbers, the first above 0 and the second not below "
                       "it, or have such a pair for each layer",
                       source->name, A_key);
    for (size_t layer = 0; layer < n_layer; layer++) {
        ranges[layer].magnitude[0] = range[0];
        ranges[layer].magnitude[1] = range[1];
    }
    return DM_OK;
}

dm_status dm_initial_ranges_read(const json_t *object, const char *name,
                                 const struct dm_model_config *config,
                                 struct dm_initial_ranges **result, dm_error *error) {
    const struct dm_config_source source = source_of(object, name);
    struct dm_initial_ranges all = {
        .matrices = config->initializer_range, .dt = {0.001, 0.1}, .dt_floor = 1e-4};
    dm_status status = read_dt(&source, &all, error);
    if (status)
        return status;
    struct dm_initial_ranges *ranges = dm_memory_array(config->n_layer, sizeof *ranges);
    if (!ranges)
        return dm_fail_memory(error, "the layers");
    for (size_t layer = 0; layer < config->n_layer; layer++)
        ranges[layer] = all;
    status = read_A(&source, config->n_layer, ranges, error);
    if (status)
        dm_memory_free(ranges);
    else
        *result = ranges;
    return status;
}
