#include "text/grow.h"

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
