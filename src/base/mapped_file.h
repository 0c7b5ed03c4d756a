/* A file as bytes: mapped, read into memory, or there already. */
#ifndef DM_BASE_MAPPED_FILE_H
#define DM_BASE_MAPPED_FILE_H

#include <stdbool.h>
#include <sys/stat.h>

#include "base/status.h"

struct dm_mapped_file {
    const unsigned char *bytes; /* NULL when the file is empty */
    size_t n_byte;
    char *path;         /* a copy, for messages */
    bool is_copy;       /* the bytes are in memory, whatever becomes of the file, */
    bool is_borrowed;   /* and the caller's */
    struct stat opened; /* what it was when it was opened */
};

/* Maps the file. Where it is cut while it is mapped, touching what is no longer there ends the
 * process (SIGBUS). */
dm_status dm_mapped_file_open(struct dm_mapped_file *file, const char *path, dm_error *error);
/* Reads the file into memory. One that changes meanwhile is DM_ERROR_IO. */
dm_status dm_mapped_file_read(struct dm_mapped_file *file, const char *path, dm_error *error);
/* What is in memory already, and stays there until the close; `name` stands for a path. */
dm_status dm_mapped_file_borrow(struct dm_mapped_file *file, const void *bytes, size_t n_byte,
                                const char *name, dm_error *error);
/* DM_ERROR_IO where a mapped file has been written to, or cut, since it was opened. One that was
 * replaced or removed still is what it was. */
dm_status dm_mapped_file_check(const struct dm_mapped_file *file, dm_error *error);
/* Lets the kernel take back the pages that were read; they stay readable. */
void dm_mapped_file_forget_pages(const struct dm_mapped_file *file);
void dm_mapped_file_close(struct dm_mapped_file *file); /* a zeroed struct is fine */

#endif
