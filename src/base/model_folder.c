#include "base/model_folder.h"

#include <stdio.h>
#include <string.h>

#include "base/gguf_settings.h"
#include "base/memory.h"
#include "base/path.h"

static const char config_name[] = "adapter_config.json";

/* As PEFT reads it: a path from the working directory (or a model on a hub, which is none here). */
static dm_status find_base(const json_t *config, const char *path, const char **base,
                           dm_error *error) {
    *base = NULL;
    if (!json_is_object(config))
        return dm_fail(error, DM_ERROR_FORMAT, "%s: not a JSON object", path);
    dm_status status = dm_json_get_text(config, "base_model_name_or_path", path, base, error);
    if (status)
        return status;
    if (!*base)
        return dm_fail(error, DM_ERROR_FORMAT,
                       "%s: a PEFT adapter whose \"base_model_name_or_path\" is not given", path);
    if (!dm_path_is_folder(*base))
        return dm_fail(error, DM_ERROR_IO,
                       "%s: a PEFT adapter of %s, which is no folder here: put the path of its "
                       "model's folder in \"base_model_name_or_path\"",
                       path, *base);
    char *own = dm_path_join(*base, config_name);
    if (!own)
        return dm_fail_memory(error, "a file name");
    if (dm_path_exists(own))
        status = dm_fail(error, DM_ERROR_UNSUPPORTED,
                         "%s: a PEFT adapter of %s, which is an adapter itself", path, *base);
    dm_memory_free(own);
    return status;
}

dm_status dm_adapter_config_read(const char *directory, json_t **config, const char **base,
                                 dm_error *error) {
    char *path = dm_path_join(directory, config_name);
    *config = NULL;
    *base = NULL;
    if (!path)
        return dm_fail_memory(error, "a file name");
    dm_status status = DM_OK;
    if (dm_path_exists(path))
        status = dm_json_read(path, config, error);
    if (!status && *config)
        status = find_base(*config, path, base, error);
    if (status) {
        json_decref(*config);
        *config = NULL;
    }
    dm_memory_free(path);
    return status;
}

char *dm_file_beside(const char *file, const char *name) {
    size_t size = strlen(file) + strlen(name) + 2;
    char *path = dm_memory_array(size, 1);
    if (path)
        snprintf(path, size, "%s.%s", file, name);
    return path;
}

char *dm_model_own_file(const char *directory, const char *name) {
    return dm_gguf_is_file(directory) ? dm_file_beside(directory, name)
                                      : dm_path_join(directory, name);
}

dm_status dm_model_file(const char *directory, const char *name, char **path, dm_error *error) {
    json_t *config = NULL;
    const char *base = NULL;
    char *own = dm_model_own_file(directory, name), *other = NULL;
    dm_status status = own ? DM_OK : dm_fail_memory(error, "a file name");
    if (!status && !dm_path_exists(own))
        status = dm_adapter_config_read(directory, &config, &base, error);
    if (!status && base && !(other = dm_path_join(base, name)))
        status = dm_fail_memory(error, "a file name");
    json_decref(config);
    bool is_other = other && dm_path_exists(other);
    dm_memory_free(is_other || status ? own : other);
    if (!status)
        *path = is_other ? other : own;
    return status;
}

static dm_status read_settings(const char *file, const char *name, json_t **object,
                               dm_error *error) {
    struct dm_gguf_file gguf;
    dm_status status = dm_gguf_open(&gguf, file, false, error);
    if (!status)
        status = dm_gguf_settings(&gguf, name, object, error);
    dm_gguf_close(&gguf);
    return status;
}

dm_status dm_model_json(const char *directory, const char *name, json_t **object, dm_error *error) {
    char *path = NULL;
    *object = NULL;
    if (dm_gguf_is_file(directory))
        return read_settings(directory, name, object, error);
    dm_status status = dm_model_file(directory, name, &path, error);
    if (!status)
        status = dm_json_read_if_any(path, object, error);
    dm_memory_free(path);
    return status;
}

dm_status dm_model_place(const char *path, const char *name, char **folder, char **file,
                         dm_error *error) {
    bool inside = dm_path_is_folder(path);
    *file = NULL;
    *folder = inside ? dm_memory_text(path) : dm_path_folder(path);
    dm_status status = *folder ? DM_OK : dm_fail_memory(error, path);
    if (!status && inside)
        status = dm_model_file(path, name, file, error);
    else if (!status && !(*file = dm_memory_text(path)))
        status = dm_fail_memory(error, path);
    if (status) {
        dm_memory_free(*folder);
        *folder = NULL;
    }
    return status;
}
