#include "layers/sizes.h"

#include <math.h>
#include <string.h>

dm_status dm_get_size(const json_t *object, const char *key, const char *name, size_t *size,
                      dm_error *error) {
    size_t value = *size;
    dm_status status = dm_json_get_size(object, key, name, &value, error);
    if (status)
        return status;
    if (!value && !*size && !json_object_get(object, key))
        return dm_fail(error, DM_ERROR_FORMAT, "%s: \"%s\" is missing", name, key);
    if (!value || value >= DM_SIZE_LIMIT)
        return dm_fail(error, DM_ERROR_FORMAT, "%s: \"%s\" must be in 1 .. 2^31 - 1", name, key);
    *size = value;
    return DM_OK;
}

dm_status dm_get_rank(const json_t *object, const char *key, const char *name, size_t d_model,
                      size_t *rank, dm_error *error) {
    *rank = (d_model + 15) / 16;
    const json_t *value = json_object_get(object, key);
    if (json_is_string(value) && !strcmp(json_string_value(value), "auto"))
        return DM_OK;
    return dm_get_size(object, key, name, rank, error);
}

dm_status dm_get_expanded(const json_t *object, const char *name, size_t d_model, size_t *size,
                          dm_error *error) {
    double expand = 2;
    dm_status status = dm_json_get_real(object, "expand", name, &expand, error);
    if (status)
        return status;
    double expanded = floor(expand * (double)d_model);
    if (!(expanded >= 1 && expanded < (double)DM_SIZE_LIMIT))
        return dm_fail(error, DM_ERROR_FORMAT, "%s: \"expand\" gives an inner width of %g", name,
                       expanded);
    *size = (size_t)expanded;
    return DM_OK;
}

dm_status dm_get_switch(const json_t *object, const char *key, const char *name, size_t *value,
                        dm_error *error) {
    const json_t *there = json_object_get(object, key);
    bool on = false;
    if (!there || json_is_null(there))
        return DM_OK;
    dm_status status = dm_json_get_bool(object, key, name, &on, error);
    if (!status)
        *value = on;
    return status;
}

dm_status dm_get_epsilon(const json_t *object, const char *key, const char *name, double *epsilon,
                         dm_error *error) {
    dm_status status = dm_json_get_real(object, key, name, epsilon, error);
    if (!status && !(*epsilon >= 0 && *epsilon < 1))
        return dm_fail(error, DM_ERROR_FORMAT, "%s: \"%s\" must be in [0, 1)", name, key);
    return status;
}

dm_status dm_get_limits(const json_t *object, const char *key, const char *name, double *limits,
                        dm_error *error) {
    const json_t *there = json_object_get(object, key);
    double low, high;
    if (!there || json_is_null(there))
        return DM_OK;
    if (json_array_size(there) != 2 || !dm_json_number(json_array_get(there, 0), &low) ||
        !dm_json_number(json_array_get(there, 1), &high) || !(low >= 0 && low <= high) ||
        isinf(low))
        return dm_fail(error, DM_ERROR_FORMAT,
                       "%s: \"%s\" must be two numbers, the second not below the first, which is "
                       "0 or more",
                       name, key);
    limits[0] = low;
    limits[1] = high;
    return DM_OK;
}

bool dm_put_size(json_t *object, const char *key, size_t value) {
    return !json_object_set_new(object, key, json_integer((json_int_t)value));
}

bool dm_put_bool(json_t *object, const char *key, bool value) {
    return !json_object_set_new(object, key, json_boolean(value));
}

bool dm_put_real(json_t *object, const char *key, double value) {
    return !json_object_set_new(object, key, json_real(value));
}

bool dm_put_limits(json_t *object, const char *key, const double *limits) {
    if (limits[0] <= 0 && isinf(limits[1]))
        return true;
    json_t *array = json_array(), *high = dm_json_number_new(limits[1]);
    bool done = !json_array_append_new(array, json_real(limits[0]));
    done &= !json_array_append_new(array, high);
    return !json_object_set_new(object, key, array) && done;
}

bool dm_put_text(json_t *object, const char *key, const char *value) {
    return !json_object_set_new(object, key, json_string(value));
}
