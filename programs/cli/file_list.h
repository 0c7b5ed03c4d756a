/* The files that a name stands for. */
#ifndef DECIMAMBA_CLI_FILE_LIST_H
#define DECIMAMBA_CLI_FILE_LIST_H

#include <stdbool.h>

/* Given the name of a file; false, after its line, ends the walk. */
typedef bool file_visitor(const char *path, void *user);

/* Visits the file, or a folder's files with that ending (".txt") by name; a folder without any is a
 * fault. */
bool file_list_walk(const char *path, const char *ending, file_visitor *visit, void *user);

#endif
