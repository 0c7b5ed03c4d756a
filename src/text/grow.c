#include "text/grow.h"

#include <string.h>

#include "base/memory.h"

void *dm_grow(void *array, size_t count, size_t *capacity, size_t wanted, size_t size) {
    if (wanted <= *capacity)
        return array;
    size_t larger;
    if (!dm_size_mul(*capacity, 2, &larger) || larger < wanted)
        larger = wanted;
    void *moved = dm_memory_resize(array, count, larger, size);
    if (moved)
        *capacity = larger;
    return moved;
}

bool dm_bytes_append(struct dm_bytes *bytes, const char *more, size_t n_more) {
    if (!n_more)
        return true;
    size_t wanted;
    if (!dm_size_add(bytes->n_byte, n_more, &wanted))
        return false;
    char *grown = dm_grow(bytes->bytes, bytes->n_byte, &bytes->capacity, wanted, 1);
    if (!grown)
        return false;
    bytes->bytes = grown;
    memcpy(grown + bytes->n_byte, more, n_more);
    bytes->n_byte = wanted;
    return true;
}

const char *dm_bytes_find(const char *text, size_t n_byte, const char *wanted, size_t n_wanted) {
    const char *end = text + n_byte, *found;
    while ((size_t)(end - text) >= n_wanted) {
        found = memchr(text, wanted[0], (size_t)(end - text) - n_wanted + 1);
        if (!found || memcmp(found, wanted, n_wanted) == 0)
            return found;
        text = found + 1;
    }
    return NULL;
}
