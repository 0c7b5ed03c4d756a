/* Knowing files by what is in them. */
#ifndef DECIMAMBA_CLI_FILE_HASH_H
#define DECIMAMBA_CLI_FILE_HASH_H

#include <stdbool.h>
#include <stddef.h>

enum { hash_size = 17 }; /* 16 hexadecimal digits and a NUL */

/* XXH3 of bytes, */
void bytes_hash(const void *bytes, size_t n_byte, char hash[hash_size]);
/* of bytes that come in pieces, */
struct running_hash;
struct running_hash *running_hash_new(void); /* NULL after a fault */
void running_hash_add(struct running_hash *running, const void *bytes, size_t n_byte);
void running_hash_finish(struct running_hash *running,
                         char hash[hash_size]); /* and frees; of NULL: 0 */
/* of a file's bytes. Faults print their line. */
bool file_hash(const char *path, char hash[hash_size]);
/* The same of what makes a model in `directory`: config, weights, tokenizer and decimamba.json; or
 * `settings`, and the files beside `tokenizer`, in their places, where these are not NULL; settings "": neither. */
bool model_hash(const char *directory, const char *settings, const char *tokenizer,
                char hash[hash_size]);

#endif
