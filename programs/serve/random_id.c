#include "random_id.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/fail.h"

bool random_bytes(void *bytes, size_t n) {
    FILE *source = fopen("/dev/urandom", "rb");
    bool fine = source && fread(bytes, 1, n, source) == n;
    if (source)
        fclose(source);
    return fine || fail("/dev/urandom: cannot read: %s", strerror(errno));
}

bool random_id(const char *prefix, char *id, size_t size) {
    unsigned char bytes[12];
    if (!random_bytes(bytes, sizeof bytes))
        return false;
    size_t n = (size_t)snprintf(id, size, "%s", prefix);
    for (size_t i = 0; i < sizeof bytes && n + 2 < size; i++)
        n += (size_t)snprintf(id + n, size - n, "%02x", bytes[i]);
    return true;
}
