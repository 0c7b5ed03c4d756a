/* Writing a file whole or not at all (base/file_writer.h): of two processes that write the same one at
 * the same time, the later one's stays. What is there already and is no regular file (a pipe,
 * /dev/stdout) is written to as it is. Faults print their line. */
#ifndef DECIMAMBA_CLI_OUTPUT_FILE_H
#define DECIMAMBA_CLI_OUTPUT_FILE_H

#include "base/file_writer.h"

struct output_file {
    struct dm_file_writer writer;
    dm_error fault; /* of the first write that failed */
};

/* Whether a file can be made there, as far as can be told before long work. */
bool output_possible(const char *path);

bool output_open(struct output_file *file, const char *path);
/* A fault shows at output_commit. */
void output_write(struct output_file *file, const void *bytes, size_t n_byte);
/* Takes back what was written; harmless after output_commit. */
void output_abandon(struct output_file *file);
/* Fails, and leaves nothing, when any write has failed. Closes the file either way. */
bool output_commit(struct output_file *file);

#endif
