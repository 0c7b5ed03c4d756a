#include "base/json.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file_writer.h"
#include "base/mapped_file.h"
#include "base/memory.h"
#include "base/path.h"

enum { max_json = 1 << 30 };

/* The key under which transformers (5.24) puts a number that JSON cannot write. */
static const char float_key[] = "__float__";

/* The length of NaN or an infinity, as Python writes them; 0: `text` does not begin with one. */
static size_t find_not_finite(const char *text, size_t n_byte) {
    static const char *const names[] = {"NaN", "Infinity", "-Infinity"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t n = strlen(names[i]);
        if (n_byte >= n && !memcmp(text, names[i], n))
            return n;
    }
    return 0;
}

/* The same of a whole number beyond 64 bits: tokenizers' "model_max_length" often is one. */
static size_t find_long_integer(const char *text, size_t n_byte) {
    static const char most[] = "9223372036854775807";
    size_t sign = n_byte && *text == '-', n = sign, n_most = strlen(most);
    while (n < n_byte && text[n] >= '0' && text[n] <= '9')
        n++;
    bool is_real = n < n_byte && (text[n] == '.' || text[n] == 'e' || text[n] == 'E');
    bool fits = n - sign < n_most || (n - sign == n_most && memcmp(text + sign, most, n_most) <= 0);
    return is_real || fits ? 0 : n;
}

/* Of the string that begins at `text`, its quotes included. */
static size_t string_length(const char *text, size_t n_byte) {
    size_t n = 1;
    while (n < n_byte && text[n] != '"')
        n += text[n] == '\\' ? 2 : 1;
    return n < n_byte ? n + 1 : n_byte;
}

static void put(char *out, size_t *n_out, const char *bytes, size_t n_byte) {
    if (out)
        memcpy(out + *n_out, bytes, n_byte);
    *n_out += n_byte;
}

/* Writes Python's JSON as what jansson reads: NaN as {"__float__": "NaN"}, the infinities alike, a
 * long integer as a real number. The lines stay. `out` NULL: only counts. Gives the length. */
static size_t write_plain(const char *text, size_t n_byte, char *out) {
    size_t n_out = 0;
    char last = 0; /* that is no white space, outside of strings */
    for (size_t i = 0, n; i < n_byte; i += n) {
        bool is_value = last == ':' || last == ',' || last == '[';
        const char *before = "", *after = "";
        if (text[i] == '"') {
            n = string_length(text + i, n_byte - i);
        } else if (is_value && (n = find_not_finite(text + i, n_byte - i)) != 0) {
            before = "{\"__float__\":\"", after = "\"}";
        } else if (is_value && (n = find_long_integer(text + i, n_byte - i)) != 0) {
            after = "e0";
        } else {
            n = 1;
        }
        if (text[i] != ' ' && text[i] != '\n' && text[i] != '\t' && text[i] != '\r')
            last = text[i];
        put(out, &n_out, before, strlen(before));
        put(out, &n_out, text + i, n);
        put(out, &n_out, after, strlen(after));
    }
    return n_out;
}

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

dm_status dm_json_parse_python(const char *text, size_t n_byte, const char *name, json_t **value,
                               dm_error *error) {
    size_t n_plain = write_plain(text, n_byte, NULL);
    if (n_plain == n_byte)
        return dm_json_parse(text, n_byte, name, value, error);
    char *plain = dm_memory_array(n_plain, 1);
    if (!plain)
        return dm_fail_memory(error, name);
    write_plain(text, n_byte, plain);
    dm_status status = dm_json_parse(plain, n_plain, name, value, error);
    dm_memory_free(plain);
    return status;
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
    status = dm_json_parse_python(file.bytes ? (const char *)file.bytes : "", file.n_byte, path,
                                  value, error);
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
char *dm_json_text(const json_t *value) {
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
    char *text = dm_json_text(value);
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
    const char *not_finite = json_string_value(json_object_get(value, float_key));
    if (not_finite)
        return dm_fail(error, DM_ERROR_FORMAT, "%s: \"%s\" must be a finite number, not %s", name,
                       key, not_finite);
    if (!json_is_number(value) || !isfinite(json_number_value(value)))
        return dm_fail(error, DM_ERROR_FORMAT, "%s: \"%s\" must be a number", name, key);
    *result = json_number_value(value);
    return DM_OK;
}

bool dm_json_number(const json_t *value, double *number) {
    const char *not_finite = json_string_value(json_object_get(value, float_key));
    if (not_finite)
        *number = strcmp(not_finite, "Infinity") == 0    ? INFINITY
                  : strcmp(not_finite, "-Infinity") == 0 ? -INFINITY
                                                         : NAN;
    else
        *number = json_number_value(value);
    return not_finite || json_is_number(value);
}

json_t *dm_json_number_new(double number) {
    return isfinite(number) ? json_real(number)
                            : json_pack("{s:s}", float_key,
                                        isnan(number) ? "NaN"
                                        : number > 0  ? "Infinity"
                                                      : "-Infinity");
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
