/* decimamba.json:
 *     {"version": 1,
 *      "context": "decimate", "score": "global", "layers": [12],
 *      "base_length": 2000, "beta": 0.5, "min_length": 20, "keep_tail": 1,
 *      "calibration": {"length": 2048, "passages": 4, "share": 0.1},
 *      "global_channels": {"0": [3, 17, ...], ...}}                                           */
#include <stdio.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/model_folder.h"
#include "base/path.h"
#include "context/context.h"

enum { version = 1 };

/* The array under `key` as sizes below `bound`; a missing key gives none. */
static dm_status read_sizes(const json_t *object, const char *key, const char *path, size_t bound,
                            size_t **sizes, size_t *n, dm_error *error) {
    const json_t *array = json_object_get(object, key);
    *n = 0;
    *sizes = NULL;
    if (array && !json_is_array(array))
        return dm_fail(error, DM_ERROR_FORMAT, "%s: \"%s\" must be an array", path, key);
    size_t n_element = json_array_size(array);
    *sizes = dm_memory_array(n_element, sizeof **sizes);
    if (!*sizes)
        return dm_fail_memory(error, path);
    for (; *n < n_element; ++*n) {
        const json_t *element = json_array_get(array, *n);
        json_int_t value = json_is_integer(element) ? json_integer_value(element) : -1;
        if (value < 0 || (size_t)value >= bound) {
            dm_memory_free(*sizes);
            return dm_fail(error, DM_ERROR_FORMAT,
                           "%s: \"%s\": element %zu must be a whole number below %zu", path, key,
                           *n, bound);
        }
        (*sizes)[*n] = (size_t)value;
    }
    return DM_OK;
}

static dm_status read_names(const json_t *object, const char *path, dm_context_options *context,
                            dm_error *error) {
    const char *method = "none", *score = "norm";
    dm_status status = dm_json_get_text(object, "context", path, &method, error);
    if (!status)
        status = dm_json_get_text(object, "score", path, &score, error);
    if (status)
        return status;
    if (!dm_method_from_name(method, &context->method))
        return dm_fail(error, DM_ERROR_FORMAT, "%s: unknown \"context\" \"%s\"", path, method);
    if (!dm_score_from_name(score, &context->score))
        return dm_fail(error, DM_ERROR_FORMAT, "%s: unknown \"score\" \"%s\"", path, score);
    return DM_OK;
}

static dm_status read_context(const json_t *object, const char *path,
                              struct dm_calibration *calibration, dm_error *error) {
    dm_context_options context = DM_CONTEXT_OPTIONS_INIT;
    dm_status status = read_names(object, path, &context, error);
    if (!status)
        status = dm_json_get_size(object, "base_length", path, &context.base_length, error);
    if (!status)
        status = dm_json_get_real(object, "beta", path, &context.beta, error);
    if (!status)
        status = dm_json_get_size(object, "min_length", path, &context.min_length, error);
    if (!status)
        status = dm_json_get_size(object, "keep_tail", path, &context.keep_tail, error);
    size_t *layers = NULL;
    if (!status)
        status = read_sizes(object, "layers", path, calibration->n_layer, &layers, &context.n_layer,
                            error);
    if (status)
        return status;
    context.layers = layers;
    status = dm_calibration_set_context(calibration, &context, error);
    dm_memory_free(layers);
    return status;
}

static dm_status read_channels(const json_t *object, const char *path, size_t d_inner,
                               struct dm_calibration *calibration, dm_error *error) {
    const json_t *all = json_object_get(object, "global_channels");
    for (size_t layer = 0; layer < calibration->n_layer; layer++) {
        char key[24];
        snprintf(key, sizeof key, "%zu", layer);
        size_t *channels, n;
        dm_status status = read_sizes(all, key, path, d_inner, &channels, &n, error);
        if (status)
            return status;
        struct dm_layer_channels *own = &calibration->layers[layer];
        own->channels = dm_memory_array(n, sizeof *own->channels);
        own->n_channel = own->channels ? n : 0;
        for (size_t i = 0; i < own->n_channel && !status; i++) {
            own->channels[i] = (uint32_t)channels[i];
            if (i && channels[i] <= channels[i - 1])
                status = dm_fail(error, DM_ERROR_FORMAT,
                                 "%s: \"global_channels\" of layer %zu must ascend", path, layer);
        }
        dm_memory_free(channels);
        if (!own->channels)
            return dm_fail_memory(error, path);
        if (status)
            return status;
    }
    return DM_OK;
}

/* A missing key, or an object. */
static dm_status check_object(const json_t *object, const char *key, const char *path,
                              dm_error *error) {
    const json_t *value = json_object_get(object, key);
    if (value && !json_is_object(value))
        return dm_fail(error, DM_ERROR_FORMAT, "%s: \"%s\" must be an object", path, key);
    return DM_OK;
}

static dm_status read_calibration(const json_t *object, const char *path, size_t d_inner,
                                  struct dm_calibration *calibration, dm_error *error) {
    if (!json_is_object(object))
        return dm_fail(error, DM_ERROR_FORMAT, "%s: must be an object", path);
    dm_status status = dm_json_check_version(object, path, version, error);
    const json_t *measured = json_object_get(object, "calibration");
    if (!status)
        status = check_object(object, "calibration", path, error);
    if (!status)
        status = check_object(object, "global_channels", path, error);
    if (!status)
        status = dm_json_get_size(measured, "length", path, &calibration->length, error);
    if (!status)
        status = dm_json_get_size(measured, "passages", path, &calibration->n_passage, error);
    if (!status)
        status = dm_json_get_real(measured, "share", path, &calibration->share, error);
    if (!status)
        status = read_channels(object, path, d_inner, calibration, error);
    if (!status)
        status = read_context(object, path, calibration, error);
    return status;
}

/* The defaults must be settings that a session can take. */
static dm_status check_context(const struct dm_calibration *calibration, const char *path,
                               dm_error *error) {
    struct dm_context *context;
    dm_error fault;
    dm_status status =
        dm_context_new(&calibration->context, calibration->n_layer, calibration, &context, &fault);
    if (status)
        return dm_fail(error, status == DM_ERROR_MEMORY ? status : DM_ERROR_FORMAT, "%s: %s", path,
                       fault.message);
    dm_context_free(context);
    return DM_OK;
}

dm_status dm_calibration_read(const char *path, size_t n_layer, size_t d_inner,
                              struct dm_calibration **result, dm_error *error) {
    json_t *object;
    dm_status status = dm_json_read(path, &object, error);
    if (status)
        return status;
    struct dm_calibration *calibration = NULL;
    status = dm_calibration_new(n_layer, &calibration, error);
    if (!status)
        status = read_calibration(object, path, d_inner, calibration, error);
    if (!status)
        status = check_context(calibration, path, error);
    json_decref(object);
    if (status)
        dm_calibration_free(calibration);
    else
        *result = calibration;
    return status;
}

dm_status dm_calibration_find(const char *directory, const char *settings, size_t n_layer,
                              size_t d_inner, struct dm_calibration **calibration,
                              dm_error *error) {
    if (settings)
        return *settings ? dm_calibration_read(settings, n_layer, d_inner, calibration, error)
                         : DM_OK;
    char *path = NULL;
    dm_status status = dm_model_file(directory, "decimamba.json", &path, error);
    if (!status && dm_path_exists(path))
        status = dm_calibration_read(path, n_layer, d_inner, calibration, error);
    dm_memory_free(path);
    return status;
}

/* Appends to an array that a failure releases and makes NULL. */
static void append(json_t **array, size_t value) {
    if (json_array_append_new(*array, json_integer((json_int_t)value))) {
        json_decref(*array);
        *array = NULL;
    }
}

/* NULL: memory is short. */
static json_t *channels_to_json(const struct dm_calibration *calibration) {
    json_t *all = json_object();
    for (size_t layer = 0; layer < calibration->n_layer; layer++) {
        const struct dm_layer_channels *own = &calibration->layers[layer];
        char key[24];
        snprintf(key, sizeof key, "%zu", layer);
        json_t *array = json_array();
        for (size_t i = 0; i < own->n_channel; i++)
            append(&array, (size_t)own->channels[i]);
        if (json_object_set_new(all, key, array)) {
            json_decref(all);
            return NULL;
        }
    }
    return all;
}

dm_status dm_calibration_write(const struct dm_calibration *calibration, const char *path,
                               dm_error *error) {
    const dm_context_options *context = &calibration->context;
    const size_t sizes[] = {context->base_length, context->min_length, context->keep_tail};
    static const char *const names[] = {"base_length", "min_length", "keep_tail"};
    for (int i = 0; i < 3; i++)
        if (sizes[i] > INT64_MAX) /* JSON as jansson reads it ends there */
            return dm_fail(error, DM_ERROR_ARGUMENT, "%s: %s %zu cannot be written", path, names[i],
                           sizes[i]);
    json_t *layers = json_array();
    for (size_t i = 0; i < context->n_layer; i++)
        append(&layers, context->layers[i]);
    json_t *object = json_pack(
        "{s:i, s:s, s:s, s:o, s:I, s:f, s:I, s:I, s:{s:I, s:I, s:f}, s:o}", "version", version,
        "context", dm_method_name(context->method), "score", dm_score_name(context->score),
        "layers", layers, "base_length", (json_int_t)context->base_length, "beta", context->beta,
        "min_length", (json_int_t)context->min_length, "keep_tail", (json_int_t)context->keep_tail,
        "calibration", "length", (json_int_t)calibration->length, "passages",
        (json_int_t)calibration->n_passage, "share", calibration->share, "global_channels",
        channels_to_json(calibration));
    if (!object)
        return dm_fail_memory(error, path);
    dm_status status = dm_json_write(path, object, error);
    json_decref(object);
    return status;
}
