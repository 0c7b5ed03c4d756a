/* Byte-pair encoding: a word begins as its characters; of all neighbours that the table can merge,
 * those with the lowest rank (the leftmost where ranks are equal) become one, until none is left. */
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

enum { DM_N_LOW = 0x200 };

/* Immutable once filled. A character that the vocabulary lacks becomes its bytes (`byte_fallback`,
 * where it has all of them), else `unknown`, else nothing: then text loses it. */
struct dm_bpe {
    struct dm_string_table vocabulary;
    bool *is_word;         /* by id: a word that is an entry's text is that entry; or NULL */
    int32_t low[DM_N_LOW]; /* ids of the characters below U+0200; -1: none */
    int32_t byte_ids[256]; /* of <0x00> to <0xFF>; -1: none */
    int32_t unknown;       /* -1: none */
    bool byte_fallback, fuse_unknown, ignore_merges;
    struct dm_merge *merges;
    size_t n_merge, n_slot; /* slots are a power of two, at least twice the merges */
    /* The pairs of characters that some merge joins: between others a word may be cut. */
    uint64_t *joints; /* as many slots; 0: free */
    bool may_cut, complete_fallback;
};

/* For at most `n_merge` merges between at most `n_text` entries; the caller fills the vocabulary, then
 * calls dm_bpe_index, then adds merges, then calls dm_bpe_find_words. */
bool dm_bpe_open(struct dm_bpe *bpe, size_t n_text, size_t n_merge);
void dm_bpe_close(struct dm_bpe *bpe); /* a zeroed struct is fine */
/* Finds the ids of characters and of bytes. */
void dm_bpe_index(struct dm_bpe *bpe);
/* Adds a merge of two entries' texts, or gives a known pair its new rank. */
struct dm_text {
    const char *bytes;
    size_t n_byte;
};
void dm_bpe_add_merge(struct dm_bpe *bpe, struct dm_merge merge, struct dm_text left,
                      struct dm_text right);
/* Finds the words that become one id, most of the words of a text; ids are below `n_id`. False when
 * memory is short. */
bool dm_bpe_find_words(struct dm_bpe *bpe, size_t n_id);

struct dm_bpe_symbol;
struct dm_bpe_candidate;
struct dm_bpe_scratch { /* of one caller; starts zeroed */
    struct dm_bpe_symbol *symbols;
    struct dm_bpe_candidate *heap;
    size_t symbol_capacity, heap_capacity, n_candidate;
};
void dm_bpe_scratch_close(struct dm_bpe_scratch *scratch);

/* Appends the ids of the word, valid UTF-8, merging it; O(n log n). False when memory is short. */
bool dm_bpe_merge_word(const struct dm_bpe *bpe, struct dm_bpe_scratch *scratch, const char *word,
                       size_t n_byte, struct dm_ids *ids);
/* The same, with a look at the known words first. */
bool dm_bpe_encode_word(const struct dm_bpe *bpe, struct dm_bpe_scratch *scratch, const char *word,
                        size_t n_byte, struct dm_ids *ids);
/* The first place after `begin` where the word may be cut, so that its two parts have the ids of the
 * whole; `n_byte`: there is none. */
size_t dm_bpe_cut(const struct dm_bpe *bpe, const char *word, size_t n_byte, size_t begin);
bool dm_ids_append(struct dm_ids *ids, int32_t id);

#endif
