/* Writing a directory whole or not at all: its files go to a temporary directory beside it, which
 * is renamed when all of them are written. */
#ifndef DM_CHECKPOINT_OUTPUT_DIRECTORY_H
#define DM_CHECKPOINT_OUTPUT_DIRECTORY_H

#include "base/temporary.h"

struct dm_output_directory {
    char *path;
    struct dm_temporary temporary; /* files are written into the directory of its name */
};

/* `path` must not exist, or be an empty directory. */
dm_status dm_output_directory_open(struct dm_output_directory *output, const char *path,
                                   dm_error *error);
/* Renames it to `path`; an error where another process has created that meanwhile. Closes it either
 * way. */
dm_status dm_output_directory_commit(struct dm_output_directory *output, dm_error *error);
/* Removes what was written; harmless after a commit. */
void dm_output_directory_abort(struct dm_output_directory *output);

#endif
