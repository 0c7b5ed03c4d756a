/* A file mapped for reading. */
#ifndef DM_BASE_MAPPED_FILE_H
#define DM_BASE_MAPPED_FILE_H

#include "base/status.h"

struct dm_mapped_file {
    const unsigned char *bytes; /* NULL when the file is empty */
    size_t n_byte;
    char *path; /* a copy, for messages */
};

dm_status dm_mapped_file_open(struct dm_mapped_file *file, const char *path, dm_error *error);
/* Lets the kernel take back the pages that were read; they stay readable. */
void dm_mapped_file_forget_pages(const struct dm_mapped_file *file);
void dm_mapped_file_close(struct dm_mapped_file *file); /* a zeroed struct is fine */

/* directory + "/" + name, allocated; NULL when memory is short. */
char *dm_path_join(const char *directory, const char *name);
int dm_path_exists(const char *path);

#endif
