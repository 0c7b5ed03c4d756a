/* Knowing files by what is in them. */
#ifndef DECIMAMBA_PROGRAMS_FILE_HASH_H
#define DECIMAMBA_PROGRAMS_FILE_HASH_H

#include <stdbool.h>
#include <stddef.h>

enum { hash_size = 17 }; /* 16 hexadecimal digits and a NUL */

/* XXH3 of bytes, */
void bytes_hash(const void *bytes, size_t n_byte, char hash[hash_size]);
/* of a file's bytes. Faults print their line. */
bool file_hash(const char *path, char hash[hash_size]);
/* The same of what makes a model in `directory`: config, weights, tokenizer and decimamba.json, or
 * `settings` in its place, where that is not NULL. */
bool model_hash(const char *directory, const char *settings, char hash[hash_size]);

#endif
