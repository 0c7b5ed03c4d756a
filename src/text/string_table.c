#include "text/string_table.h"

#include <string.h>
#include <xxhash.h>

#include "base/memory.h"

bool dm_string_table_open(struct dm_string_table *table, size_t n_key) {
    size_t n_slot = 16;
    while (n_slot / 2 < n_key)
        if (!dm_size_mul(n_slot, 2, &n_slot))
            return false;
    table->n_slot = n_slot;
    table->slots = dm_memory_zeroed(n_slot, sizeof *table->slots);
    return table->slots != NULL;
}

void dm_string_table_close(struct dm_string_table *table) {
    dm_memory_free(table->slots);
    *table = (struct dm_string_table){0};
}

/* The slot of the key, or the free one where it belongs. */
static struct dm_string_slot *find(const struct dm_string_table *table, const char *key,
                                   size_t n_byte, uint64_t hash) {
    for (size_t i = hash;; i++) {
        struct dm_string_slot *slot = &table->slots[i & (table->n_slot - 1)];
        if (!slot->key ||
            (slot->hash == hash && slot->n_byte == n_byte && memcmp(slot->key, key, n_byte) == 0))
            return slot;
    }
}

void dm_string_table_put(struct dm_string_table *table, const char *key, size_t n_byte,
                         int32_t id) {
    uint64_t hash = XXH3_64bits(key, n_byte);
    *find(table, key, n_byte, hash) =
        (struct dm_string_slot){.key = key, .n_byte = n_byte, .hash = hash, .id = id};
}

int32_t dm_string_table_get(const struct dm_string_table *table, const char *key, size_t n_byte) {
    const struct dm_string_slot *slot = find(table, key, n_byte, XXH3_64bits(key, n_byte));
    return slot->key ? slot->id : -1;
}
