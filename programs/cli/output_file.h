/* Writing a file whole or not at all: to PATH.tmp, renamed when all of it is on the disk. That is
 * locked: of two processes that write the same file at the same time one is refused, and what a
 * process that was killed left is written anew. What is there already and is no regular file (a
 * pipe, /dev/stdout) is written to as it is. A symbolic link stays: what it leads to is written.
 * Faults print their line. */
#ifndef DECIMAMBA_CLI_OUTPUT_FILE_H
#define DECIMAMBA_CLI_OUTPUT_FILE_H

#include <stdbool.h>
#include <stdio.h>

struct output_file {
    FILE *stream;
    int fault;       /* errno of the first write that failed */
    char *path;      /* beyond any symbolic links; allocated */
    char *temporary; /* NULL: `path` itself is being written */
};

/* Whether a file can be made there, as far as can be told before long work. */
bool output_possible(const char *path);

bool output_open(struct output_file *file, const char *path);
/* A fault shows at output_commit. */
void output_write(struct output_file *file, const void *bytes, size_t n_byte);
/* Takes back what was written; harmless after output_commit. */
void output_abandon(struct output_file *file);
/* Fails, and leaves nothing, when any write has failed. Closes the file either way.
 */
bool output_commit(struct output_file *file);

#endif
