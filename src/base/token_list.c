#include "base/token_list.h"

static dm_status add(const json_t *value, const char *key, const char *name,
                     struct dm_token_list *tokens, dm_error *error) {
    json_int_t id = json_integer_value(value);
    if (!json_is_integer(value) || id > INT32_MAX)
        return dm_fail(error, DM_ERROR_FORMAT, "%s: \"%s\" must be a token id", name, key);
    for (size_t i = 0; i < tokens->n; i++)
        if (tokens->ids[i] == id)
            return DM_OK;
    if (tokens->n == DM_MAX_TOKEN_LIST)
        return dm_fail(error, DM_ERROR_UNSUPPORTED, "%s: \"%s\" lists more than %d tokens", name,
                       key, DM_MAX_TOKEN_LIST);
    if (id >= 0)
        tokens->ids[tokens->n++] = (int32_t)id;
    return DM_OK;
}

dm_status dm_token_list_get(const json_t *object, const char *key, const char *name,
                            struct dm_token_list *tokens, dm_error *error) {
    const json_t *value = json_object_get(object, key);
    struct dm_token_list found = {0};
    dm_status status = DM_OK;
    if (value && !json_is_array(value) && !json_is_null(value))
        status = add(value, key, name, &found, error);
    for (size_t i = 0; i < json_array_size(value) && !status; i++)
        status = add(json_array_get(value, i), key, name, &found, error);
    if (!status)
        *tokens = found;
    return status;
}

bool dm_token_list_put(json_t *object, const char *key, const struct dm_token_list *tokens) {
    if (!tokens->n)
        return true;
    if (tokens->n == 1)
        return !json_object_set_new(object, key, json_integer(tokens->ids[0]));
    json_t *list = json_array();
    for (size_t i = 0; i < tokens->n; i++)
        if (json_array_append_new(list, json_integer(tokens->ids[i]))) {
            json_decref(list);
            return false;
        }
    return !json_object_set_new(object, key, list);
}
