/* The zip around a torch.save file: entries that are stored as they are can be used in place. */
#ifndef DM_CHECKPOINT_TORCH_ZIP_H
#define DM_CHECKPOINT_TORCH_ZIP_H

#include <stdbool.h>

#include "base/mapped_file.h"

struct zip;

struct dm_torch_zip_entry {
    char *name;
    size_t n_byte;              /* unpacked */
    const unsigned char *bytes; /* in the mapped file; NULL: compressed */
    size_t index;               /* libzip's */
};

struct dm_torch_zip {
    const struct dm_mapped_file *file;
    struct zip *zip;
    struct dm_torch_zip_entry *entries; /* sorted by name; names are distinct */
    size_t n_entry;
};

/* libzip reads the archive. It does not tell where an entry's bytes are: that is read from the
 * central directory and the local headers, and must agree with what libzip says. `file` must
 * outlive the archive. */
dm_status dm_torch_zip_open(struct dm_torch_zip *zip, const struct dm_mapped_file *file,
                            dm_error *error);
void dm_torch_zip_close(struct dm_torch_zip *zip); /* a zeroed struct is fine */
/* NULL: there is none. */
const struct dm_torch_zip_entry *dm_torch_zip_find(const struct dm_torch_zip *zip,
                                                   const char *name);
/* Unpacks an entry into `bytes` [n_byte], checking its CRC. */
dm_status dm_torch_zip_read(const struct dm_torch_zip *zip, const struct dm_torch_zip_entry *entry,
                            unsigned char *bytes, dm_error *error);

#endif
