/* What is being written, before it has its name. It lies beside its place as PATH.PROCESS-N.tmp and
 * is locked while its writer lives. Whoever writes the same path next removes those that nobody
 * locks: a process that was killed left them. Where a file system has no locks, they stay. */
#ifndef DM_BASE_TEMPORARY_H
#define DM_BASE_TEMPORARY_H

#include <dirent.h>
#include <stdbool.h>

#include "base/status.h"

struct dm_temporary {
    char *name;     /* NULL: there is none */
    int descriptor; /* of a file: to write to it; it holds the lock */
    DIR *entries;   /* of a directory: opened at once, as removing must not need memory */
};

/* Makes an empty file, or directory, for `path`, which errors name. */
dm_status dm_temporary_make(struct dm_temporary *temporary, const char *path, bool is_directory,
                            dm_error *error);
/* Gives it the name `path`, and lets it go: 0, or what errno says; then it is there as before. */
int dm_temporary_rename(struct dm_temporary *temporary, const char *path);
/* Removes it, with the files in it. Harmless where there is none, but not on zeros: their
 * descriptor is somebody's. */
void dm_temporary_drop(struct dm_temporary *temporary);

#endif
