/* A zip of stored entries with right checksums, so that what is inside can be fuzzed. */
#ifndef DM_FUZZ_STORED_ZIP_H
#define DM_FUZZ_STORED_ZIP_H

#include <stddef.h>

struct zip_entry {
    const char *name;
    const void *bytes;
    size_t n_byte;
};

/* The zip, from malloc. Names and sizes are small: none needs more than 32 bits. */
unsigned char *stored_zip(const struct zip_entry *entries, size_t n_entry, size_t *n_byte);

#endif
