/* Where a command keeps what it needs only while it runs. Faults print their line. */
#ifndef DECIMAMBA_CLI_SCRATCH_FOLDER_H
#define DECIMAMBA_CLI_SCRATCH_FOLDER_H

#include <stdio.h>

#include "base/temporary.h"

/* TMPDIR, or /tmp. */
const char *scratch_place(void);
/* A file there without a name, which is gone once it is closed. NULL sets errno, and prints nothing. */
FILE *scratch_file(void);

/* Makes a folder there, `folder->name`, for this user alone, and removes those of processes that were
 * killed. */
bool scratch_folder_open(struct dm_temporary *folder);
/* Removes it with the files in it. */
void scratch_folder_close(struct dm_temporary *folder);

#endif
