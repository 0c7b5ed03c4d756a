/* The slow channels of decimamba.json. The library has read the file before, and found it sound. */
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/status.h"
#include "delta_map.h"

static dm_status fault(const char *path, const char *reason, dm_error *error) {
    if (error) {
        error->status = DM_ERROR_FORMAT;
        snprintf(error->message, sizeof error->message, "%s: %s", path, reason);
    }
    return DM_ERROR_FORMAT;
}

static dm_status take(const json_t *list, const char *path, size_t d_inner,
                      struct delta_channels *slow, dm_error *error) {
    size_t n = json_array_size(list);
    slow->items = calloc(n ? n : 1, sizeof *slow->items);
    if (!slow->items)
        return dm_fail_memory(error, "the analysis");
    for (; slow->n < n; slow->n++) {
        const json_t *channel = json_array_get(list, slow->n);
        json_int_t value = json_is_integer(channel) ? json_integer_value(channel) : -1;
        if (value < 0 || (size_t)value >= d_inner)
            return fault(path, "\"global_channels\" has one that the model has not", error);
        slow->items[slow->n] = (size_t)value;
    }
    return DM_OK;
}

static dm_status take_all(const json_t *object, const char *path, size_t n_layer, size_t d_inner,
                          struct delta_channels *channels, dm_error *error) {
    const json_t *all = json_object_get(object, "global_channels");
    dm_status status = DM_OK;
    for (size_t layer = 0; layer < n_layer && !status; layer++) {
        char key[24];
        snprintf(key, sizeof key, "%zu", layer);
        status = take(json_object_get(all, key), path, d_inner, &channels[layer], error);
    }
    return status;
}

dm_status delta_channels_read(const char *directory, const char *settings, size_t n_layer,
                              size_t d_inner, struct delta_channels **channels, dm_error *error) {
    size_t size = strlen(directory) + sizeof "/decimamba.json";
    char *path = settings ? strdup(settings) : malloc(size);
    struct delta_channels *made = calloc(n_layer, sizeof *made);
    json_t *object = NULL;
    json_error_t reason;
    dm_status status = path && made ? DM_OK : dm_fail_memory(error, "the analysis");
    if (!status && !settings)
        snprintf(path, size, "%s/decimamba.json", directory);
    if (!status && !access(path, F_OK)) {
        object = json_load_file(path, 0, &reason);
        status = object ? take_all(object, path, n_layer, d_inner, made, error)
                        : fault(path, reason.line > 0 ? reason.text : "cannot read", error);
    }
    json_decref(object);
    free(path);
    if (status)
        delta_channels_free(made, n_layer);
    else
        *channels = made;
    return status;
}

void delta_channels_free(struct delta_channels *channels, size_t n_layer) {
    for (size_t layer = 0; channels && layer < n_layer; layer++)
        free(channels[layer].items);
    free(channels);
}
