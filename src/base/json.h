/* Reading JSON with errors that name the file and the key; jansson does the parsing. */
#ifndef DM_BASE_JSON_H
#define DM_BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>

#include "base/status.h"

/* Parses text of `n_byte` bytes; `name` (a path) heads messages. Duplicate keys, bare Infinity or
 * NaN, nesting beyond jansson's limit and anything after the value are errors. */
dm_status dm_json_parse(const char *text, size_t n_byte, const char *name, json_t **value,
                        dm_error *error);
/* The same, with what Python writes beyond JSON inside of arrays and objects: NaN, Infinity and
 * -Infinity become {"__float__": "NaN"} and so on, as transformers writes them since 5.24, and a whole
 * number beyond 64 bits becomes a real one. */
dm_status dm_json_parse_python(const char *text, size_t n_byte, const char *name, json_t **value,
                               dm_error *error);
/* A file, as Python writes it. */
dm_status dm_json_read(const char *path, json_t **value, dm_error *error);
/* The object in the file; NULL where there is no such file. */
dm_status dm_json_read_if_any(const char *path, json_t **object, dm_error *error);
/* The object, indented, of malloc; NULL: memory is short. */
char *dm_json_text(const json_t *value);
/* Writes the object, indented, whole or not at all; its numbers are read back as they are. */
dm_status dm_json_write(const char *path, const json_t *value, dm_error *error);

/* object[key] as a whole number >= 0. A missing (or null) key leaves `*result` as it is. */
dm_status dm_json_get_size(const json_t *object, const char *key, const char *name, size_t *result,
                           dm_error *error);
/* The same for finite numbers, booleans and strings (owned by the object). */
dm_status dm_json_get_real(const json_t *object, const char *key, const char *name, double *result,
                           dm_error *error);
dm_status dm_json_get_bool(const json_t *object, const char *key, const char *name, bool *result,
                           dm_error *error);
dm_status dm_json_get_text(const json_t *object, const char *key, const char *name,
                           const char **result, dm_error *error);
/* A number, or NaN or an infinity as dm_json_parse_python has them; false: it is neither. */
bool dm_json_number(const json_t *value, double *number);
/* The other way round; NULL: memory is short. */
json_t *dm_json_number_new(double number);
/* object["version"] must be there (else DM_ERROR_FORMAT), and be `version` (else
 * DM_ERROR_UNSUPPORTED). */
dm_status dm_json_check_version(const json_t *object, const char *name, size_t version,
                                dm_error *error);

#endif
