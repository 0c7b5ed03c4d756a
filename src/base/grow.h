/* Arrays of malloc that grow as items come. */
#ifndef DM_BASE_GROW_H
#define DM_BASE_GROW_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* Where `more` items have room behind the first `n`; `capacity` says how many have. NULL, and the items
 * as they were, where memory is short. */
static inline void *dm_grow(void *items, size_t n, size_t more, size_t *capacity,
                            size_t item_size) {
    size_t wanted = n + more, larger = *capacity + *capacity / 2 + 16;
    if (items && more <= *capacity - n)
        return items;
    if (larger < wanted)
        larger = wanted + 16;
    void *moved = wanted < more || larger > SIZE_MAX / 2 / item_size
                      ? NULL
                      : realloc(items, larger * item_size);
    if (moved)
        *capacity = larger;
    return moved;
}

#endif
