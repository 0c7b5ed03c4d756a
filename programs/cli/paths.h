/* File names seen from elsewhere; base/path.h has the rest. What is returned is allocated; NULL where
 * memory is short, or where a comment says more. */
#ifndef DECIMAMBA_CLI_PATHS_H
#define DECIMAMBA_CLI_PATHS_H

#include <stdbool.h>

/* "folder/name"; `name` alone where it is absolute, or the folder is "."; the folder alone where
 * the name is ".". */
char *path_join(const char *folder, const char *name);
/* The absolute name of what may not be there yet: its folder must be. NULL sets errno. */
char *path_absolute(const char *path);
/* The last part of a path, as a title names it: "book.txt", "mamba-130m" of "models/mamba-130m/". */
char *path_title(const char *path);
/* `path` as it is named from inside `folder`, both absolute: "." for the folder itself. */
char *path_from(const char *folder, const char *path);

/* Makes a folder with those above it, for this user alone, where they are not there. false sets errno. */
bool path_make_folder(const char *folder);

#endif
