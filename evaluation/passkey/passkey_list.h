/* Lists of pass keys, an integer a line, as in codes_test.txt of the official evaluation. */
#ifndef DECIMAMBA_EVALUATION_PASSKEY_LIST_H
#define DECIMAMBA_EVALUATION_PASSKEY_LIST_H

#include "decimamba.h"

enum { passkey_list_key_size = 21 }; /* 20 digits and a NUL */

struct passkey_list {
    char (*items)[passkey_list_key_size]; /* [n], as written; some may be equal */
    size_t n;
};

/* Reads `text`, n_byte of the file `name`. White space around a key does not matter. A line that is
 * not 1 to 20 digits is DM_ERROR_FORMAT, but for empty lines at the end; so is a text without keys.
 * Free `items`. */
dm_status passkey_list_read(const char *text, size_t n_byte, const char *name,
                            struct passkey_list *keys, dm_error *error);

#endif
