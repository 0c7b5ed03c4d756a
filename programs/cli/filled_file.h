/* Files that a function fills, written whole or not at all. */
#ifndef DECIMAMBA_CLI_FILLED_FILE_H
#define DECIMAMBA_CLI_FILLED_FILE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* Writes what a file holds; false: a fault, whose line it printed. */
typedef bool fill_function(const void *what, FILE *stream);
/* Writes FOLDER/<name>; a fault prints its line. */
bool filled_file_write(const char *folder, const char *name, fill_function *fill, const void *what);
/* The same of an object, which is released (NULL: memory was short). */
bool filled_file_json(const char *folder, const char *name, json_t *object);

#endif
