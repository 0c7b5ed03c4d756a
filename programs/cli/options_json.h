/* The options of a command as a JSON object: a key is a flag's name with '_' for '-'. */
#ifndef DECIMAMBA_CLI_OPTIONS_JSON_H
#define DECIMAMBA_CLI_OPTIONS_JSON_H

#include <jansson.h>

#include "options.h"

/* The JSON in a file, in which no key is there twice; NULL after a fault, whose line is printed. */
json_t *json_read(const char *file);

/* Sets what the object in `file` holds. Names of files there are seen from the file's folder: they
 * are made absolute. Texts live in *object, which the caller releases, also after a fault. A list
 * that the command line names as well begins anew there. Faults print their line. */
bool options_read_json(const struct option_group *groups, const char *file, json_t **object);
/* The same of an object that was read of it. */
bool options_take_json(const struct option_group *groups, const char *file, json_t *object);

/* What the options hold, but for those that nobody gave and that have no default. Names of files
 * are seen from `folder`, which is absolute. NULL: memory is short. */
json_t *options_to_json(const struct option_group *groups, const char *folder);

/* A flag's name as a key; cut to fit. */
void option_key(const struct option *option, char *key, size_t size);

#endif
