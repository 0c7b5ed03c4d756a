/* decimamba.json:
 *     {"version": 1,
 *      "method": "decimate", "score": "global", "layers": [12],
 *      "base_length": 2000, "beta": 0.5, "min_length": 20, "keep_tail": 1,
 *      "calibration": {"length": 2048, "passages": 4, "share": 0.1},
 *      "global_channels": {"0": [3, 17, ...], ...}}                                           */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/model_folder.h"
#include "base/path.h"
#include "methods/method.h"

enum { version = 1 };

static bool find_choice(const struct dm_setting_row *row, const char *name, double *number) {
    for (size_t i = 0; name && row->choices[i]; i++)
        if (!strcmp(row->choices[i], name)) {
            *number = (double)i;
            return true;
        }
    return false;
}

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

/* The key of the method; "context" in files of version 0.1, which stay readable. */
static dm_status method_key(const json_t *object, const char *path, const char **key,
                            dm_error *error) {
    bool old = json_object_get(object, "context") != NULL;
    *key = old ? "context" : "method";
    return old && json_object_get(object, "method")
               ? dm_fail(error, DM_ERROR_FORMAT,
                         "%s: \"context\" and \"method\" are the same: give one", path)
               : DM_OK;
}

static dm_status read_names(const json_t *object, const char *path, dm_method_options *options,
                            dm_error *error) {
    const char *method = "none", *score = "norm", *key;
    dm_status status = method_key(object, path, &key, error);
    if (!status)
        status = dm_json_get_text(object, key, path, &method, error);
    if (!status)
        status = dm_json_get_text(object, "score", path, &score, error);
    if (status)
        return status;
    if (!dm_method_from_name(method, &options->kind))
        return dm_fail(error, DM_ERROR_FORMAT, "%s: unknown \"%s\" \"%s\"", path, key, method);
    if (!dm_score_from_name(score, &options->score))
        return dm_fail(error, DM_ERROR_FORMAT, "%s: unknown \"score\" \"%s\"", path, score);
    if (dm_method_is_custom(options))
        return dm_fail(
            error, DM_ERROR_FORMAT,
            "%s: \"score\" \"%s\" is a function of a program's, which a file cannot hold", path,
            score);
    return DM_OK;
}

/* ---- The settings of a method's own ---- */

/* Those of one key: [n], allocated. */
static dm_status read_numbers(const struct dm_setting_row *row, const json_t *value,
                              const char *path, dm_method_value *result, dm_error *error) {
    size_t n = json_is_array(value) ? json_array_size(value) : 1;
    double *numbers = dm_memory_array(n, sizeof *numbers);
    char key[DM_SETTING_KEY];
    bool fine = n > 0;
    if (!numbers)
        return dm_fail_memory(error, path);
    for (size_t i = 0; i < n && fine; i++) {
        const json_t *item = json_is_array(value) ? json_array_get(value, i) : value;
        fine = row->type == DM_SETTING_CHOICE
                   ? find_choice(row, json_string_value(item), &numbers[i])
                   : json_is_number(item);
        if (fine && row->type != DM_SETTING_CHOICE)
            numbers[i] = json_number_value(item);
    }
    *result = (dm_method_value){.name = row->name, .numbers = numbers, .n = n};
    dm_setting_key(row, key);
    return fine ? DM_OK
                : dm_fail(error, DM_ERROR_FORMAT, "%s: \"%s\" must be %s%s", path, key,
                          row->type == DM_SETTING_CHOICE ? "one of its names" : "a number",
                          row->per_layer ? ", or a list with one for each layer" : "");
}

static void free_values(dm_method_value *values, size_t n) {
    for (size_t i = 0; i < n; i++)
        dm_memory_free((void *)(uintptr_t)values[i].numbers);
    dm_memory_free(values);
}

/* Keys that are none of the method's are passed over, as other keys are. */
static dm_status read_values(const json_t *object, const char *path, dm_method_options *options,
                             dm_error *error) {
    const struct dm_method_hooks *hooks = dm_method_hooks_of(options->kind);
    size_t n_setting = hooks ? hooks->n_setting : 0, n = 0;
    dm_method_value *values = dm_memory_zeroed(n_setting, sizeof *values);
    dm_status status = values ? DM_OK : dm_fail_memory(error, path);
    for (size_t i = 0; i < n_setting && !status; i++) {
        char key[DM_SETTING_KEY];
        dm_setting_key(&hooks->settings[i], key);
        const json_t *value = json_object_get(object, key);
        if (value)
            status = read_numbers(&hooks->settings[i], value, path, &values[n++], error);
    }
    if (status && values)
        free_values(values, n);
    if (status)
        return status;
    options->values = values;
    options->n_value = n;
    return DM_OK;
}

static dm_status read_method(const json_t *object, const char *path,
                             struct dm_calibration *calibration, dm_error *error) {
    dm_method_options method = DM_METHOD_OPTIONS_INIT;
    dm_status status = read_names(object, path, &method, error);
    if (!status)
        status = dm_json_get_size(object, "base_length", path, &method.base_length, error);
    if (!status)
        status = dm_json_get_real(object, "beta", path, &method.beta, error);
    if (!status)
        status = dm_json_get_size(object, "min_length", path, &method.min_length, error);
    if (!status)
        status = dm_json_get_size(object, "keep_tail", path, &method.keep_tail, error);
    size_t *layers = NULL;
    if (!status)
        status = read_sizes(object, "layers", path, calibration->n_layer, &layers, &method.n_layer,
                            error);
    if (status)
        return status;
    method.layers = layers;
    status = read_values(object, path, &method, error);
    if (!status) {
        status = dm_calibration_set_method(calibration, &method, error);
        free_values((dm_method_value *)(uintptr_t)method.values, method.n_value);
    }
    dm_memory_free(layers);
    return status;
}

static dm_status read_channels(const json_t *object, const char *path, size_t n_step,
                               struct dm_calibration *calibration, dm_error *error) {
    const json_t *all = json_object_get(object, "global_channels");
    for (size_t layer = 0; layer < calibration->n_layer; layer++) {
        char key[24];
        snprintf(key, sizeof key, "%zu", layer);
        size_t *channels, n;
        dm_status status = read_sizes(all, key, path, n_step, &channels, &n, error);
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

static dm_status read_calibration(const json_t *object, const char *path, size_t n_step,
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
        status = read_channels(object, path, n_step, calibration, error);
    if (!status)
        status = read_method(object, path, calibration, error);
    return status;
}

/* The defaults must be settings that a session can take. */
static dm_status check_method(const struct dm_calibration *calibration, const char *path,
                              dm_error *error) {
    struct dm_method *method;
    dm_error fault;
    dm_status status =
        dm_method_new(&calibration->method, calibration->n_layer, calibration, &method, &fault);
    if (status)
        return dm_fail(error, status == DM_ERROR_MEMORY ? status : DM_ERROR_FORMAT, "%s: %s", path,
                       fault.message);
    dm_method_free(method);
    return DM_OK;
}

dm_status dm_calibration_read(const char *path, size_t n_layer, size_t n_step,
                              struct dm_calibration **result, dm_error *error) {
    json_t *object;
    dm_status status = dm_json_read(path, &object, error);
    if (status)
        return status;
    struct dm_calibration *calibration = NULL;
    status = dm_calibration_new(n_layer, &calibration, error);
    if (!status)
        status = read_calibration(object, path, n_step, calibration, error);
    if (!status)
        status = check_method(calibration, path, error);
    json_decref(object);
    if (status)
        dm_calibration_free(calibration);
    else
        *result = calibration;
    return status;
}

dm_status dm_calibration_find(const char *directory, const char *settings, size_t n_layer,
                              size_t n_step, struct dm_calibration **calibration, dm_error *error) {
    if (settings)
        return *settings ? dm_calibration_read(settings, n_layer, n_step, calibration, error)
                         : DM_OK;
    char *path = NULL;
    dm_status status = dm_model_file(directory, "decimamba.json", &path, error);
    if (!status && dm_path_exists(path))
        status = dm_calibration_read(path, n_layer, n_step, calibration, error);
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

static json_t *number_to_json(const struct dm_setting_row *row, double number) {
    switch (row->type) {
    case DM_SETTING_CHOICE:
        return json_string(row->choices[(size_t)number]);
    case DM_SETTING_SIZE:
        return json_integer((json_int_t)number);
    default:
        return json_real(number);
    }
}

/* Adds the method's values, which have been checked; false: memory is short. */
static bool add_values(const dm_method_options *method, json_t *object) {
    const struct dm_method_hooks *hooks = dm_method_hooks_of(method->kind);
    bool fine = true;
    for (size_t v = 0; v < method->n_value && fine; v++) {
        const dm_method_value *value = &method->values[v];
        const struct dm_setting_row *row = hooks->settings;
        char key[DM_SETTING_KEY];
        while (strcmp(row->name, value->name) != 0)
            row++;
        dm_setting_key(row, key);
        json_t *json = value->n == 1 ? number_to_json(row, *value->numbers) : json_array();
        for (size_t i = 0; i < value->n && value->n > 1; i++)
            fine &= !json_array_append_new(json, number_to_json(row, value->numbers[i]));
        fine &= !json_object_set_new(object, key, json);
    }
    return fine;
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
    const dm_method_options *method = &calibration->method;
    const size_t sizes[] = {method->base_length, method->min_length, method->keep_tail};
    static const char *const names[] = {"base_length", "min_length", "keep_tail"};
    for (int i = 0; i < 3; i++)
        if (sizes[i] > INT64_MAX) /* JSON as jansson reads it ends there */
            return dm_fail(error, DM_ERROR_ARGUMENT, "%s: %s %zu cannot be written", path, names[i],
                           sizes[i]);
    json_t *layers = json_array();
    for (size_t i = 0; i < method->n_layer; i++)
        append(&layers, method->layers[i]);
    json_t *object = json_pack(
        "{s:i, s:s, s:s, s:o, s:I, s:f, s:I, s:I, s:{s:I, s:I, s:f}, s:o}", "version", version,
        "method", dm_method_kind_name(method->kind), "score", dm_score_name(method->score),
        "layers", layers, "base_length", (json_int_t)method->base_length, "beta", method->beta,
        "min_length", (json_int_t)method->min_length, "keep_tail", (json_int_t)method->keep_tail,
        "calibration", "length", (json_int_t)calibration->length, "passages",
        (json_int_t)calibration->n_passage, "share", calibration->share, "global_channels",
        channels_to_json(calibration));
    if (!object || !add_values(method, object)) {
        json_decref(object);
        return dm_fail_memory(error, path);
    }
    dm_status status = dm_json_write(path, object, error);
    json_decref(object);
    return status;
}
