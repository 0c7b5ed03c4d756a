/* Results as JSON. */
#ifndef DECIMAMBA_CLI_JSON_OUTPUT_H
#define DECIMAMBA_CLI_JSON_OUTPUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* JSON has no infinity and no NaN: they become null. */
json_t *json_number_or_null(double number);
/* What JSON's integers cannot hold becomes null. */
json_t *json_size(size_t size);
json_t *json_ids(const int32_t *ids, size_t n_id);

/* Prints the object on one line, and releases it (NULL: memory was short). */
bool print_json(json_t *object);

#endif
