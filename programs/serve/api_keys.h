/* Who may ask: keys, a line each, of a file. */
#ifndef DECIMAMBA_SERVE_API_KEYS_H
#define DECIMAMBA_SERVE_API_KEYS_H

#include <stdbool.h>
#include <stddef.h>

struct api_keys {
    char *text;  /* of the file; a NUL behind each key */
    char **keys; /* [n]; 0: anybody may ask */
    size_t n;
};

/* Lines that are blank or begin with '#' are none. A file without a key is a fault, which prints its
 * line. */
bool api_keys_read(struct api_keys *keys, const char *file);
void api_keys_free(struct api_keys *keys);
/* Of an Authorization header, or NULL: "Bearer KEY". How long this takes says nothing of the keys but
 * how many and how long they are. */
bool api_keys_admit(const struct api_keys *keys, const char *authorization);

#endif
