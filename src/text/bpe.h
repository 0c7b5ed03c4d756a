/* Byte-pair encoding: a word begins as its bytes; of all neighbours that the table can merge, those
 * with the lowest rank (the leftmost where ranks are equal) become one, until none is left. */
#ifndef DM_TEXT_BPE_H
#define DM_TEXT_BPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text/grow.h"
#include "text/string_table.h"

struct dm_merge {
    int32_t left, right; /* left < 0: a free slot */
    int32_t merged;
    uint32_t rank;
};

/* Immutable once filled. */
struct dm_bpe {
    int32_t byte_ids[256]; /* -1: the vocabulary has no such byte, and text loses it */
    struct dm_merge *merges;
    size_t n_slot; /* a power of two, at least twice the merges */
    bool any_merge;
    struct dm_string_table words; /* words that become one id, found without merging */
};

/* For at most `n_merge` merges; the byte ids and the words are the caller's to fill. */
bool dm_bpe_open(struct dm_bpe *bpe, size_t n_merge);
void dm_bpe_close(struct dm_bpe *bpe); /* a zeroed struct is fine */
/* Adds a merge, or gives a known pair its new rank. */
void dm_bpe_add_merge(struct dm_bpe *bpe, struct dm_merge merge);

struct dm_bpe_symbol;
struct dm_bpe_candidate;
struct dm_bpe_scratch { /* of one caller; starts zeroed */
    struct dm_bpe_symbol *symbols;
    struct dm_bpe_candidate *heap;
    size_t symbol_capacity, heap_capacity, n_candidate;
};
void dm_bpe_scratch_close(struct dm_bpe_scratch *scratch);

/* Appends the ids of the word, merging it; O(n log n). False when memory is short. */
bool dm_bpe_merge_word(const struct dm_bpe *bpe, struct dm_bpe_scratch *scratch, const char *word,
                       size_t n_byte, struct dm_ids *ids);
/* The same, with a look at the known words first. */
bool dm_bpe_encode_word(const struct dm_bpe *bpe, struct dm_bpe_scratch *scratch, const char *word,
                        size_t n_byte, struct dm_ids *ids);
bool dm_ids_append(struct dm_ids *ids, int32_t id);

#endif
