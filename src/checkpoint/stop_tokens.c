#include "checkpoint/stop_tokens.h"

#include "base/memory.h"
#include "base/model_folder.h"

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

static dm_status read_file(const char *directory, const char *name, struct dm_token_list *stops,
                           dm_error *error) {
    json_t *object = NULL;
    char *path = NULL;
    dm_status status = dm_model_file(directory, name, &path, error);
    if (!status)
        status = dm_json_read_if_any(path, &object, error);
    if (!status)
        status = dm_token_list_get(object, "eos_token_id", path, stops, error);
    json_decref(object);
    dm_memory_free(path);
    return status;
}

dm_status dm_stop_tokens_read(const char *directory, int32_t end, struct dm_token_list *stops,
                              dm_error *error) {
    static const char *const names[] = {"generation_config.json", "config.json"};
    struct dm_token_list found = {0};
    for (size_t i = 0; !found.n && i < sizeof names / sizeof *names; i++) {
        dm_status status = read_file(directory, names[i], &found, error);
        if (status)
            return status;
    }
    if (!found.n && end >= 0)
        found.ids[found.n++] = end;
    *stops = found;
    return DM_OK;
}
