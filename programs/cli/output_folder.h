/* A folder that one process writes, and a later one may go on with. Faults print their line. */
#ifndef DECIMAMBA_CLI_OUTPUT_FOLDER_H
#define DECIMAMBA_CLI_OUTPUT_FOLDER_H

#include <stdbool.h>

struct output_folder {
    char *path;     /* as it was named; NULL: none is open */
    int descriptor; /* holds the lock */
    bool is_new;    /* it was made here */
};

/* Makes the folder where it is not there, and locks it against other processes. One that holds
 * something, but not the file `mark`, is refused: it is no folder of `work` ("an evaluation").
 * Temporary files (.tmp) do not count: they are removed, as whoever locked the folder before did not
 * come to it. The folder can be closed either way. */
bool output_folder_open(struct output_folder *folder, const char *path, const char *mark,
                        const char *work);
/* Removes a file or folder there with all that is in it, if it is there. */
bool output_folder_remove(const struct output_folder *folder, const char *name);
/* Unlocks it, and removes it where it was made here and is still empty. Harmless on zeros. */
void output_folder_close(struct output_folder *folder);

#endif
