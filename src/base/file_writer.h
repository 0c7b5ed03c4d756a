/* Writing a file whole or not at all: bytes go to a temporary file in the same directory, which
 * takes the final name only when all of them are on the disk. A symbolic link stays: the file that
 * it leads to is written. Or the same bytes go into memory. */
#ifndef DM_BASE_FILE_WRITER_H
#define DM_BASE_FILE_WRITER_H

#include "base/temporary.h"

struct dm_file_writer {
    char *path;                    /* beyond any symbolic links */
    struct dm_temporary temporary; /* without a name: `path` itself is being written */
    size_t n_buffered, capacity;
    unsigned char *buffer;
    bool in_memory; /* `buffer` grows, and is never written */
};

dm_status dm_file_writer_open(struct dm_file_writer *writer, const char *path, dm_error *error);
/* The same of what may be a device or a pipe: that is not replaced but written to as it is, and what was
 * written stays. */
dm_status dm_file_writer_open_any(struct dm_file_writer *writer, const char *path, dm_error *error);
/* Into memory; `name` stands for a path in messages. */
dm_status dm_file_writer_open_memory(struct dm_file_writer *writer, const char *name,
                                     dm_error *error);
dm_status dm_file_writer_write(struct dm_file_writer *writer, const void *bytes, size_t n_byte,
                               dm_error *error);
/* Flushes, syncs and renames: of two that write the same path, the one that ends last stays.
 * Whatever it returns, the writer is closed afterwards. */
dm_status dm_file_writer_commit(struct dm_file_writer *writer, dm_error *error);
/* Closes a writer into memory, and hands over what was written (dm_memory_free). */
void dm_file_writer_take(struct dm_file_writer *writer, void **bytes, size_t *n_byte);
/* Drops what was written; harmless after a commit, or on a zeroed struct. */
void dm_file_writer_abort(struct dm_file_writer *writer);

/* The three at once. */
dm_status dm_file_write(const char *path, const void *bytes, size_t n_byte, dm_error *error);

#endif
