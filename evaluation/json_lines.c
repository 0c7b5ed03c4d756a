#include "json_lines.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"

static bool is_standard_input(const char *path) {
    return !strcmp(path, "-");
}

/* A name that would leave no room for the reason is shown by its end. */
static const char *shown_name(const char *name) {
    const size_t longest = 300;
    size_t n = strlen(name);
    return n > longest ? name + n - longest : name;
}

dm_status json_lines_fail(const struct json_lines *lines, dm_status status, dm_error *error,
                          const char *format, ...) {
    char reason[sizeof error->message];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    return dm_fail(error, status, "%s:%zu: %s", shown_name(lines->name), lines->number, reason);
}

static dm_status fail_reading(const char *name, dm_error *error) {
    const dm_status status = errno == ENOMEM ? DM_ERROR_MEMORY : DM_ERROR_IO;
    return dm_fail(error, status, "%s: cannot read: %s", shown_name(name), strerror(errno));
}

dm_status json_lines_open(struct json_lines *lines, const char *path, dm_error *error) {
    bool standard = is_standard_input(path);
    *lines = (struct json_lines){.name = standard ? "standard input" : path,
                                 .stream = standard ? stdin : fopen(path, "rb")};
    return lines->stream ? DM_OK : fail_reading(path, error);
}

void json_lines_close(struct json_lines *lines) {
    if (lines->stream != stdin)
        fclose(lines->stream);
    free(lines->line);
}

size_t json_lines_mark(const char *bytes, size_t n) {
    static const char mark[] = "\xef\xbb\xbf";
    size_t n_mark = sizeof mark - 1;
    return n >= n_mark && !memcmp(bytes, mark, n_mark) ? n_mark : 0;
}

static bool is_blank(const char *line, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (line[i] != ' ' && line[i] != '\t' && line[i] != '\r')
            return false;
    return true;
}

static dm_status parse(const struct json_lines *lines, const char *line, size_t n, json_t **object,
                       dm_error *error) {
    const size_t flags = JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL;
    json_error_t json_error;
    json_t *value = json_loadb(line, n, flags, &json_error);
    /* an id may be a hash, which no integer of 64 bits with a sign holds */
    if (!value && json_error_code(&json_error) == json_error_numeric_overflow)
        value = json_loadb(line, n, flags | JSON_DECODE_INT_AS_REAL, &json_error);
    if (!value && json_error_code(&json_error) == json_error_out_of_memory)
        return json_lines_fail(lines, DM_ERROR_MEMORY, error, "memory is short");
    if (!value)
        return json_lines_fail(lines, DM_ERROR_FORMAT, error, "%s", json_error.text);
    if (!json_is_object(value)) {
        json_decref(value);
        return json_lines_fail(lines, DM_ERROR_FORMAT, error, "a line must be a JSON object");
    }
    *object = value;
    return DM_OK;
}

dm_status json_lines_next(struct json_lines *lines, json_t **object, dm_error *error) {
    for (;;) {
        errno = 0;
        ssize_t got = getline(&lines->line, &lines->capacity, lines->stream);
        if (got < 0 && (ferror(lines->stream) || errno == ENOMEM))
            return fail_reading(lines->name, error);
        if (got < 0) {
            *object = NULL;
            return DM_OK;
        }
        lines->number++;
        const char *line = lines->line;
        size_t n = (size_t)got;
        if (line[n - 1] == '\n')
            n--;
        size_t n_mark = lines->number == 1 ? json_lines_mark(line, n) : 0;
        if (!is_blank(line + n_mark, n - n_mark))
            return parse(lines, line + n_mark, n - n_mark, object, error);
    }
}

/* Calls a number a number, whole or not. */
static const char *kind_of(const json_t *value) {
    if (json_is_number(value))
        return "a number";
    if (json_is_string(value))
        return "a text";
    if (json_is_array(value))
        return "a list";
    if (json_is_object(value))
        return "an object";
    return json_is_null(value) ? "null" : "true or false";
}

static dm_status get(const struct json_lines *lines, const json_t *object, const char *key,
                     const char *kind, const json_t **member, dm_error *error) {
    const json_t *value = json_object_get(object, key);
    if (!value)
        return json_lines_fail(lines, DM_ERROR_FORMAT, error, "key '%s' is missing", key);
    if (strcmp(kind_of(value), kind) != 0)
        return json_lines_fail(lines, DM_ERROR_FORMAT, error, "key '%s' must be %s, not %s", key,
                               kind, kind_of(value));
    *member = value;
    return DM_OK;
}

dm_status json_lines_text(const struct json_lines *lines, const json_t *object, const char *key,
                          const json_t **text, dm_error *error) {
    return get(lines, object, key, "a text", text, error);
}

dm_status json_lines_number(const struct json_lines *lines, const json_t *object, const char *key,
                            double *number, dm_error *error) {
    const json_t *value = NULL;
    dm_status status = get(lines, object, key, "a number", &value, error);
    if (!status)
        *number = json_number_value(value);
    return status;
}

dm_status json_lines_list(const struct json_lines *lines, const json_t *object, const char *key,
                          const json_t **list, dm_error *error) {
    return get(lines, object, key, "a list", list, error);
}

dm_status json_lines_texts(const struct json_lines *lines, const json_t *object, const char *key,
                           const json_t **list, dm_error *error) {
    const json_t *items = NULL;
    dm_status status = json_lines_list(lines, object, key, &items, error);
    if (status)
        return status;
    if (!json_array_size(items))
        return json_lines_fail(lines, DM_ERROR_FORMAT, error, "key '%s' is an empty list", key);
    for (size_t i = 0; i < json_array_size(items); i++)
        if (!json_is_string(json_array_get(items, i)))
            return json_lines_fail(lines, DM_ERROR_FORMAT, error,
                                   "key '%s' must be a list of texts: number %zu is %s", key, i + 1,
                                   kind_of(json_array_get(items, i)));
    *list = items;
    return DM_OK;
}
