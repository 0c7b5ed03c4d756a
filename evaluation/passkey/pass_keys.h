/* Lists of pass keys, an integer a line, as in codes_test.txt of the official evaluation. */
#ifndef DECIMAMBA_EVALUATION_PASS_KEYS_H
#define DECIMAMBA_EVALUATION_PASS_KEYS_H

#include "decimamba.h"

enum { pass_key_size = 21 }; /* 20 digits and a NUL */

struct pass_keys {
    char (*items)[pass_key_size]; /* [n], as written; some may be equal */
    size_t n;
};

/* Reads `text`, n_byte of the file `name`. White space around a key does not matter. A line that is
 * not 1 to 20 digits is DM_ERROR_FORMAT, but for empty lines at the end; so is a text without keys.
 * Free `items`. */
dm_status pass_keys_read(const char *text, size_t n_byte, const char *name, struct pass_keys *keys,
                         dm_error *error);

#endif
