#include "request_keys.h"

#include <string.h>

const json_t *key_value(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    return json_is_null(value) ? NULL : value;
}

bool key_bool(const json_t *object, const char *key, bool *result, struct api_error *error) {
    const json_t *value = key_value(object, key);
    if (value && !json_is_boolean(value))
        return refuse(error, key, "%s: must be true or false", key);
    if (value)
        *result = json_is_true(value);
    return true;
}

bool key_size(const json_t *object, const char *key, size_t min, size_t max, size_t *result,
              struct api_error *error) {
    const json_t *value = key_value(object, key);
    if (!value)
        return true;
    json_int_t number = json_integer_value(value);
    if (json_is_integer(value) && number >= 0 && (size_t)number >= min && (size_t)number <= max) {
        *result = (size_t)number;
        return true;
    }
    return max >= INT64_MAX
               ? refuse(error, key, "%s: must be a whole number, %zu or more", key, min)
               : refuse(error, key, "%s: must be a whole number from %zu to %zu", key, min, max);
}

bool key_real(const json_t *object, const char *key, double min, double max, double *result,
              struct api_error *error) {
    const json_t *value = key_value(object, key);
    if (!value)
        return true;
    double number = json_number_value(value);
    if (!json_is_number(value) || !(number >= min && number <= max))
        return refuse(error, key, "%s: must be a number from %g to %g", key, min, max);
    *result = number;
    return true;
}

bool key_text(const json_t *object, const char *key, const char **result, struct api_error *error) {
    const json_t *value = key_value(object, key);
    if (!value)
        return true;
    if (!json_is_string(value) || strlen(json_string_value(value)) != json_string_length(value))
        return refuse(error, key, "%s: must be a text", key);
    *result = json_string_value(value);
    return true;
}
