/* File names. What is returned is allocated by dm_memory_array; NULL where memory is short, or where a
 * comment says more. */
#ifndef DM_BASE_PATH_H
#define DM_BASE_PATH_H

#include <stdbool.h>

/* directory + "/" + name. */
char *dm_path_join(const char *directory, const char *name);
/* What precedes the last slash: "." where there is none. */
char *dm_path_folder(const char *path);
/* Where symbolic links at `path` lead, be something there or not; `path` where it is none. NULL sets
 * errno. */
char *dm_path_target(const char *path);
bool dm_path_exists(const char *path);
bool dm_path_is_folder(const char *path);
/* Something is there that is neither a file nor a folder: a device or a pipe. */
bool dm_path_is_special(const char *path);

#endif
