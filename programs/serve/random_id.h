/* Numbers and names that nobody foresees. A fault's line is printed. */
#ifndef DECIMAMBA_SERVE_RANDOM_ID_H
#define DECIMAMBA_SERVE_RANDOM_ID_H

#include <stdbool.h>
#include <stddef.h>

bool random_bytes(void *bytes, size_t n);
/* The prefix, "doc-" or so, and digits, as many as fit. */
bool random_id(const char *prefix, char *id, size_t size);

#endif
