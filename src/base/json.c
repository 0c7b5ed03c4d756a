#include "base/json.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file_writer.h"
#include "base/mapped_file.h"

enum { max_json = 1 << 30 };

/* jansson calls most allocations that fail a fault of the text, and passes over some: errno tells. */
dm_status dm_json_parse(const char *text, size_t n_byte, const char *name, json_t **value,
                        dm_error *error) {
    json_error_t fault;
    errno = 0;
    *value =
        json_loadb(text, n_byte, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &fault);
    if (errno == ENOMEM) {
        json_decref(*value);
        *value = NULL;
        return dm_fail_memory(error, name);
    }
    return *value ? DM_OK
                  : dm_fail(error, DM_ERROR_FORMAT, "%s:%d: not valid JSON: %s", name, fault.line,
                            fault.text);
}

dm_status dm_json_read(const char *path, json_t **value, dm_error *error) {
    struct dm_mapped_file file;
    struct stat found;
    if (stat(path, &found) == 0 && S_ISREG(found.st_mode) && found.st_size > max_json)
        return dm_fail(error, DM_ERROR_FORMAT, "%s: more than %d MiB: no JSON file of a model",
                       path, max_json >> 20);
    dm_status status = dm_mapped_file_read(&file, path, error);
    if (status)
        return status;
    status =
        dm_json_parse(file.bytes ? (const char *)file.bytes : "", file.n_byte, path, value, error);
    dm_mapped_file_close(&file);
    return status;
}

dm_status dm_json_read_if_any(const char *path, json_t **object, dm_error *error) {
    *object = NULL;
    dm_status status = dm_path_exists(path) ? dm_json_read(path, object, error) : DM_OK;
    if (status || !*object || json_is_object(*object))
        return status;
    json_decref(*object);
    *object = NULL;
    return dm_fail(error, DM_ERROR_FORMAT, "%s: not a JSON object", path);
}

/* With as many digits as the same numbers need when they are read again: 0.1 is not to be
 * 0.10000000000000001. NULL: memory is short. */
static char *dump(const json_t *value) {
    char *text = json_dumps(value, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
    json_t *again = text ? json_loads(text, 0, NULL) : NULL;
    bool is_read = again, is_same = again && json_equal(again, value);
    json_decref(again);
    if (is_same)
        return text;
    free(text);
    return is_read ? json_dumps(value, JSON_INDENT(2) | JSON_REAL_PRECISION(17)) : NULL;
}

dm_status dm_json_write(const char *path, const json_t *value, dm_error *error) {
    char *text = dump(value);
    if (!text)
        return dm_fail_memory(error, path);
    struct dm_file_writer writer;
    dm_status status = dm_file_writer_open(&writer, path, error);
    if (!status) {
        status = dm_file_writer_write(&writer, text, strlen(text), error);
        if (!status)
            status = dm_file_writer_write(&writer, "\n", 1, error);
        if (!status)
            status = dm_file_writer_commit(&writer, error);
        dm_file_writer_abort(&writer);
    }
    free(text);
    return status;
}

/* The value of a key that is there and not null; else NULL. */
static const json_t *find(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    return value && !json_is_null(value) ? value : NULL;
}

dm_status dm_json_get_size(const json_t *object, const char *key, const char *name, size_t *result,
                           dm_error *error) {
    const json_t *value = find(object, key);
    if (!value)
        return DM_OK;
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return dm_fail(error, DM_ERROR_FORMAT, "%s: \"%s\" must be a whole number >= 0", name, key);
    *result = (size_t)json_integer_value(value);
    return DM_OK;
}

dm_status dm_json_get_real(const json_t *object, const char *key, const char *name, double *result,
                           dm_error *error) {
    const json_t *value = find(object, key);
    if (!value)
        return DM_OK;
    if (!json_is_number(value) || !isfinite(json_number_value(value)))
        return dm_fail(error, DM_ERROR_FORMAT, "%s: \"%s\" must be a number", name, key);
    *result = json_number_value(value);
    return DM_OK;
}

dm_status dm_json_get_bool(const json_t *object, const char *key, const char *name, bool *result,
                           dm_error *error) {
    const json_t *value = find(object, key);
    if (!value)
        return DM_OK;
    if (!json_is_boolean(value))
        return dm_fail(error, DM_ERROR_FORMAT, "%s: \"%s\" must be true or false", name, key);
    *result = json_is_true(value);
    return DM_OK;
}

dm_status dm_json_get_text(const json_t *object, const char *key, const char *name,
                           const char **result, dm_error *error) {
    const json_t *value = find(object, key);
    if (!value)
        return DM_OK;
    if (!json_is_string(value))
        return dm_fail(error, DM_ERROR_FORMAT, "%s: \"%s\" must be a string", name, key);
    *result = json_string_value(value);
    return DM_OK;
}

dm_status dm_json_check_version(const json_t *object, const char *name, size_t version,
                                dm_error *error) {
    size_t found = 0;
    if (!find(object, "version"))
        return dm_fail(error, DM_ERROR_FORMAT, "%s: no \"version\"", name);
    dm_status status = dm_json_get_size(object, "version", name, &found, error);
    if (!status && found != version)
        status = dm_fail(error, DM_ERROR_UNSUPPORTED, "%s: version %zu, this library reads %zu",
                         name, found, version);
    return status;
}
