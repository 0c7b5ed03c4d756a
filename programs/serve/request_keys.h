/* Taking typed values out of the object of a request. A key that is not there, or null, leaves a value
 * as it is; one of the wrong type is refused by its name. */
#ifndef DECIMAMBA_SERVE_REQUEST_KEYS_H
#define DECIMAMBA_SERVE_REQUEST_KEYS_H

#include <stdint.h>

#include "api_error.h"

/* The value, or NULL where it is not there or null. */
const json_t *key_value(const json_t *object, const char *key);
bool key_bool(const json_t *object, const char *key, bool *value, struct api_error *error);
/* A whole number from min to max. */
bool key_size(const json_t *object, const char *key, size_t min, size_t max, size_t *value,
              struct api_error *error);
bool key_real(const json_t *object, const char *key, double min, double max, double *value,
              struct api_error *error);
/* Without a NUL in it; owned by the object. */
bool key_text(const json_t *object, const char *key, const char **value, struct api_error *error);

#endif
