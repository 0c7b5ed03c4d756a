#include "text/bpe.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"

static const size_t none = SIZE_MAX;

struct dm_bpe_symbol {
    int32_t id; /* -1: merged into the symbol before it */
    size_t previous, next;
};

struct dm_bpe_candidate {
    uint32_t rank;
    int32_t merged;
    size_t place; /* of the left symbol */
};

bool dm_bpe_open(struct dm_bpe *bpe, size_t n_text, size_t n_merge) {
    size_t n_slot = 16;
    while (n_slot / 2 < n_merge)
        if (!dm_size_mul(n_slot, 2, &n_slot))
            return false;
    bpe->n_slot = n_slot;
    bpe->merges = dm_memory_array(n_slot, sizeof *bpe->merges);
    bpe->joints = dm_memory_zeroed(n_slot, sizeof *bpe->joints);
    for (size_t i = 0; bpe->merges && i < n_slot; i++)
        bpe->merges[i].left = -1;
    return bpe->merges && bpe->joints && dm_string_table_open(&bpe->vocabulary, n_text);
}

void dm_bpe_close(struct dm_bpe *bpe) {
    dm_memory_free(bpe->merges);
    dm_memory_free(bpe->joints);
    dm_memory_free(bpe->is_word);
    dm_string_table_close(&bpe->vocabulary);
    *bpe = (struct dm_bpe){0};
}

/* The character at `text`, as UTF-8. */
static int32_t id_of(const struct dm_bpe *bpe, const char *text, size_t n_byte) {
    return dm_string_table_get(&bpe->vocabulary, text, n_byte);
}

void dm_bpe_index(struct dm_bpe *bpe) {
    char text[8];
    for (unsigned c = 0; c < DM_N_LOW; c++) {
        size_t n = c < 0x80 ? 1 : 2;
        text[0] = (char)(c < 0x80 ? c : 0xc0 | c >> 6);
        text[1] = (char)(0x80 | (c & 0x3f));
        bpe->low[c] = id_of(bpe, text, n);
    }
    bool complete = bpe->byte_fallback;
    for (unsigned byte = 0; byte < 256; byte++) {
        snprintf(text, sizeof text, "<0x%02X>", byte);
        bpe->byte_ids[byte] = id_of(bpe, text, strlen(text));
        complete = complete && bpe->byte_ids[byte] >= 0;
    }
    bpe->complete_fallback = complete;
    bpe->may_cut = !bpe->ignore_merges;
}

/* The slot of the pair, or the free one where it belongs. */
static struct dm_merge *find(const struct dm_bpe *bpe, int32_t left, int32_t right) {
    uint64_t hash = ((uint64_t)(uint32_t)left << 32 | (uint32_t)right) * 0x9e3779b97f4a7c15u;
    for (size_t i = (size_t)(hash >> 32);; i++) {
        struct dm_merge *merge = &bpe->merges[i & (bpe->n_slot - 1)];
        if (merge->left < 0 || (merge->left == left && merge->right == right))
            return merge;
    }
}

/* The same for two characters, which are not both U+0000 where it counts: 1 is added. */
static uint64_t *find_joint(const struct dm_bpe *bpe, uint32_t left, uint32_t right,
                            uint64_t *joint) {
    *joint = ((uint64_t)left << 32 | right) + 1;
    for (size_t i = (size_t)(*joint * 0x9e3779b97f4a7c15u >> 32);; i++) {
        uint64_t *slot = &bpe->joints[i & (bpe->n_slot - 1)];
        if (!*slot || *slot == *joint)
            return slot;
    }
}

/* Symbols that are no character of the text, which then says nothing of where they join. */
static bool stands_for_others(const struct dm_bpe *bpe, int32_t id, struct dm_text text) {
    if (id == bpe->unknown || !text.n_byte)
        return true;
    for (size_t byte = 0; bpe->byte_fallback && byte < 256; byte++)
        if (bpe->byte_ids[byte] == id)
            return true;
    return false;
}

void dm_bpe_add_merge(struct dm_bpe *bpe, struct dm_merge merge, struct dm_text left,
                      struct dm_text right) {
    *find(bpe, merge.left, merge.right) = merge;
    bpe->n_merge++;
    if (stands_for_others(bpe, merge.left, left) || stands_for_others(bpe, merge.right, right)) {
        bpe->may_cut = false;
        return;
    }
    size_t length;
    uint64_t joint;
    uint32_t last = dm_utf8_decode(
        left.bytes + left.n_byte - dm_utf8_length_before(left.bytes, left.n_byte), &length);
    uint64_t *slot = find_joint(bpe, last, dm_utf8_decode(right.bytes, &length), &joint);
    *slot = joint;
}

void dm_bpe_scratch_close(struct dm_bpe_scratch *scratch) {
    dm_memory_free(scratch->symbols);
    dm_memory_free(scratch->heap);
    *scratch = (struct dm_bpe_scratch){0};
}

static bool before(const struct dm_bpe_candidate *a, const struct dm_bpe_candidate *b) {
    return a->rank != b->rank ? a->rank < b->rank : a->place < b->place;
}

static void push(struct dm_bpe_scratch *scratch, struct dm_bpe_candidate candidate) {
    size_t i = scratch->n_candidate++;
    for (; i > 0 && before(&candidate, &scratch->heap[(i - 1) / 2]); i = (i - 1) / 2)
        scratch->heap[i] = scratch->heap[(i - 1) / 2];
    scratch->heap[i] = candidate;
}

static struct dm_bpe_candidate pop(struct dm_bpe_scratch *scratch) {
    struct dm_bpe_candidate *heap = scratch->heap, top = heap[0];
    struct dm_bpe_candidate last = heap[--scratch->n_candidate];
    size_t i = 0;
    for (size_t child = 1; child < scratch->n_candidate; child = 2 * i + 1) {
        if (child + 1 < scratch->n_candidate && before(&heap[child + 1], &heap[child]))
            child++;
        if (!before(&heap[child], &last))
            break;
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = last;
    return top;
}

/* What the symbol at `place` and the one after it merge into; NULL: nothing. */
static const struct dm_merge *merge_at(const struct dm_bpe *bpe,
                                       const struct dm_bpe_symbol *symbols, size_t place) {
    size_t next = symbols[place].next;
    if (symbols[place].id < 0 || next == none)
        return NULL;
    const struct dm_merge *merge = find(bpe, symbols[place].id, symbols[next].id);
    return merge->left < 0 ? NULL : merge;
}

static void consider(const struct dm_bpe *bpe, struct dm_bpe_scratch *scratch, size_t place) {
    const struct dm_merge *merge = place == none ? NULL : merge_at(bpe, scratch->symbols, place);
    if (merge)
        push(scratch, (struct dm_bpe_candidate){merge->rank, merge->merged, place});
}

/* Room for a word: each merge takes one candidate and offers at most two, so n - 1 at the start
 * never become more than 2 n. */
static bool reserve(struct dm_bpe_scratch *scratch, size_t n_byte) {
    size_t n_candidate;
    if (!dm_size_mul(n_byte, 2, &n_candidate))
        return false;
    struct dm_bpe_symbol *symbols =
        dm_grow(scratch->symbols, 0, &scratch->symbol_capacity, n_byte, sizeof *symbols);
    if (!symbols)
        return false;
    scratch->symbols = symbols;
    struct dm_bpe_candidate *heap =
        dm_grow(scratch->heap, 0, &scratch->heap_capacity, n_candidate, sizeof *heap);
    if (!heap)
        return false;
    scratch->heap = heap;
    return true;
}

/* The id of the character at `text`, -1: the vocabulary lacks it; `*n_byte`: its length. */
static int32_t character(const struct dm_bpe *bpe, const char *text, size_t *n_byte) {
    uint32_t code_point = dm_utf8_decode(text, n_byte);
    return code_point < DM_N_LOW ? bpe->low[code_point] : id_of(bpe, text, *n_byte);
}

static void put(struct dm_bpe_symbol *symbols, size_t *n_symbol, int32_t id) {
    symbols[*n_symbol] = (struct dm_bpe_symbol){id, *n_symbol - 1, *n_symbol + 1};
    ++*n_symbol;
}

/* The bytes of a character, where the vocabulary has them all. */
static bool put_bytes(const struct dm_bpe *bpe, struct dm_bpe_symbol *symbols, size_t *n_symbol,
                      const char *text, size_t n_byte) {
    for (size_t i = 0; i < n_byte; i++)
        if (bpe->byte_ids[(unsigned char)text[i]] < 0)
            return false;
    for (size_t i = 0; i < n_byte; i++)
        put(symbols, n_symbol, bpe->byte_ids[(unsigned char)text[i]]);
    return true;
}

/* Lays the characters out as linked symbols, no more than bytes; gives their number. As in
 * `tokenizers`, an unknown one waits until a known one comes, or the next unknown one: bytes go by. */
static size_t spread(const struct dm_bpe *bpe, struct dm_bpe_symbol *symbols, const char *word,
                     size_t n_byte) {
    size_t n_symbol = 0, length;
    bool waits = false;
    for (size_t i = 0; i < n_byte; i += length) {
        int32_t id = character(bpe, word + i, &length);
        if (id < 0 && bpe->byte_fallback && put_bytes(bpe, symbols, &n_symbol, word + i, length))
            continue;
        if (id < 0 && bpe->unknown < 0)
            continue;
        if (waits && (id >= 0 || !bpe->fuse_unknown))
            put(symbols, &n_symbol, bpe->unknown);
        waits = id < 0;
        if (id >= 0)
            put(symbols, &n_symbol, id);
    }
    if (waits)
        put(symbols, &n_symbol, bpe->unknown);
    if (n_symbol)
        symbols[n_symbol - 1].next = none;
    return n_symbol;
}

bool dm_bpe_merge_word(const struct dm_bpe *bpe, struct dm_bpe_scratch *scratch, const char *word,
                       size_t n_byte, struct dm_ids *ids) {
    if (!reserve(scratch, n_byte))
        return false;
    struct dm_bpe_symbol *symbols = scratch->symbols;
    size_t n_symbol = spread(bpe, symbols, word, n_byte);
    scratch->n_candidate = 0;
    for (size_t i = 0; i < n_symbol; i++)
        consider(bpe, scratch, i);
    while (scratch->n_candidate) {
        struct dm_bpe_candidate best = pop(scratch);
        const struct dm_merge *merge = merge_at(bpe, symbols, best.place);
        if (!merge || merge->merged != best.merged)
            continue; /* a neighbour has changed since */
        struct dm_bpe_symbol *left = &symbols[best.place], *right = &symbols[left->next];
        left->id = best.merged;
        left->next = right->next;
        right->id = -1;
        if (left->next != none)
            symbols[left->next].previous = best.place;
        consider(bpe, scratch, left->previous);
        consider(bpe, scratch, best.place);
    }
    for (size_t i = 0; i < n_symbol && i != none; i = symbols[i].next)
        if (!dm_ids_append(ids, symbols[i].id))
            return false;
    return true;
}

bool dm_bpe_encode_word(const struct dm_bpe *bpe, struct dm_bpe_scratch *scratch, const char *word,
                        size_t n_byte, struct dm_ids *ids) {
    int32_t id = id_of(bpe, word, n_byte);
    return id >= 0 && bpe->is_word[id] ? dm_ids_append(ids, id)
                                       : dm_bpe_merge_word(bpe, scratch, word, n_byte, ids);
}

bool dm_bpe_find_words(struct dm_bpe *bpe, size_t n_id) {
    struct dm_bpe_scratch scratch = {0};
    struct dm_ids ids = {0};
    bpe->is_word = dm_memory_zeroed(n_id, sizeof *bpe->is_word);
    bool fine = bpe->is_word != NULL;
    for (size_t i = 0; i < bpe->vocabulary.n_slot && fine; i++) {
        const struct dm_string_slot *slot = &bpe->vocabulary.slots[i];
        if (!slot->key || !slot->n_byte)
            continue;
        ids.n_id = 0;
        if (!bpe->ignore_merges)
            fine = dm_bpe_merge_word(bpe, &scratch, slot->key, slot->n_byte, &ids);
        bpe->is_word[slot->id] =
            bpe->ignore_merges || (fine && ids.n_id == 1 && ids.ids[0] == slot->id);
    }
    dm_bpe_scratch_close(&scratch);
    dm_memory_free(ids.ids);
    return fine;
}

size_t dm_bpe_cut(const struct dm_bpe *bpe, const char *word, size_t n_byte, size_t begin) {
    size_t length, next;
    uint64_t joint;
    if (!bpe->may_cut || begin >= n_byte)
        return n_byte;
    bool settled = bpe->complete_fallback || character(bpe, word + begin, &length) >= 0;
    uint32_t left = dm_utf8_decode(word + begin, &length);
    for (size_t at = begin + length; at < n_byte; at += next) {
        bool known = bpe->complete_fallback || character(bpe, word + at, &next) >= 0;
        uint32_t right = dm_utf8_decode(word + at, &next);
        if (settled && known && !*find_joint(bpe, left, right, &joint))
            return at;
        settled = known;
        left = right;
    }
    return n_byte;
}

bool dm_ids_append(struct dm_ids *ids, int32_t id) {
    int32_t *grown = dm_grow(ids->ids, ids->n_id, &ids->capacity, ids->n_id + 1, sizeof *grown);
    if (!grown)
        return false;
    ids->ids = grown;
    ids->ids[ids->n_id++] = id;
    return true;
}
