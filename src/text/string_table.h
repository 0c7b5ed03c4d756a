/* A hash table from byte strings to ids. */
#ifndef DM_TEXT_STRING_TABLE_H
#define DM_TEXT_STRING_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dm_string_slot {
    const char *key; /* borrowed; NULL: free */
    size_t n_byte;
    uint64_t hash;
    int32_t id;
};

struct dm_string_table {
    struct dm_string_slot *slots;
    size_t n_slot; /* a power of two, at least twice the keys */
};

/* A table for at most `n_key` keys; false when memory is short. */
bool dm_string_table_open(struct dm_string_table *table, size_t n_key);
void dm_string_table_close(struct dm_string_table *table); /* a zeroed struct is fine */
/* Adds the key, or gives a known one the new id. The key's bytes must outlive the table. */
void dm_string_table_put(struct dm_string_table *table, const char *key, size_t n_byte, int32_t id);
/* The id of the key, or -1. */
int32_t dm_string_table_get(const struct dm_string_table *table, const char *key, size_t n_byte);

#endif
