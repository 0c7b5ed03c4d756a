/* Arrays that grow by doubling. */
#ifndef DM_TEXT_GROW_H
#define DM_TEXT_GROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Room for `wanted` elements of `size` bytes in `array`, whose first `count` are in use and which
 * has `*capacity`. Gives the array, moved where it had to grow; NULL when memory is short (`array`
 * then stays valid). */
void *dm_grow(void *array, size_t count, size_t *capacity, size_t wanted, size_t size);

struct dm_bytes {
    char *bytes;
    size_t n_byte, capacity;
};
/* False when memory is short. */
bool dm_bytes_append(struct dm_bytes *bytes, const char *more, size_t n_more);

/* Where `wanted`, which is not empty, first is in the text; NULL: nowhere. */
const char *dm_bytes_find(const char *text, size_t n_byte, const char *wanted, size_t n_wanted);

struct dm_ids {
    int32_t *ids;
    size_t n_id, capacity;
};

#endif
