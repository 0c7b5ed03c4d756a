/* A folder in TMPDIR for what a command needs only while it runs. Faults print their line. */
#ifndef DECIMAMBA_CLI_SCRATCH_FOLDER_H
#define DECIMAMBA_CLI_SCRATCH_FOLDER_H

#include "output_folder.h"

/* Makes the folder, and removes those of processes that were killed. */
bool scratch_folder_open(struct output_folder *folder);
/* Removes it with all that is in it. Harmless on zeros. */
void scratch_folder_close(struct output_folder *folder);

#endif
