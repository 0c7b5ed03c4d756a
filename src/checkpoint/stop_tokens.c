#include "checkpoint/stop_tokens.h"

#include "base/memory.h"
#include "base/model_folder.h"

static dm_status read_file(const char *directory, const char *name, struct dm_token_list *stops,
                           dm_error *error) {
    json_t *object = NULL;
    char *path = NULL;
    dm_status status = dm_model_file(directory, name, &path, error);
    if (!status)
        status = dm_model_json(directory, name, &object, error);
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
