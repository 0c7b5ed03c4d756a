#include "text/bpe.h"

#include "base/memory.h"

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

bool dm_bpe_open(struct dm_bpe *bpe, size_t n_merge) {
    size_t n_slot = 16;
    while (n_slot / 2 < n_merge)
        if (!dm_size_mul(n_slot, 2, &n_slot))
            return false;
    *bpe = (struct dm_bpe){.n_slot = n_slot};
    bpe->merges = dm_memory_array(n_slot, sizeof *bpe->merges);
    for (size_t i = 0; bpe->merges && i < n_slot; i++)
        bpe->merges[i].left = -1;
    return bpe->merges != NULL;
}

void dm_bpe_close(struct dm_bpe *bpe) {
    dm_memory_free(bpe->merges);
    dm_string_table_close(&bpe->words);
    bpe->merges = NULL;
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

void dm_bpe_add_merge(struct dm_bpe *bpe, struct dm_merge merge) {
    *find(bpe, merge.left, merge.right) = merge;
    bpe->any_merge = true;
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

/* Lays the bytes out as linked symbols; gives their number. */
static size_t spread(const struct dm_bpe *bpe, struct dm_bpe_symbol *symbols, const char *word,
                     size_t n_byte) {
    size_t n_symbol = 0;
    for (size_t i = 0; i < n_byte; i++) {
        int32_t id = bpe->byte_ids[(unsigned char)word[i]];
        if (id < 0)
            continue;
        symbols[n_symbol] = (struct dm_bpe_symbol){id, n_symbol - 1, n_symbol + 1};
        n_symbol++;
    }
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
    int32_t id = dm_string_table_get(&bpe->words, word, n_byte);
    return id >= 0 ? dm_ids_append(ids, id) : dm_bpe_merge_word(bpe, scratch, word, n_byte, ids);
}

bool dm_ids_append(struct dm_ids *ids, int32_t id) {
    int32_t *grown = dm_grow(ids->ids, ids->n_id, &ids->capacity, ids->n_id + 1, sizeof *grown);
    if (!grown)
        return false;
    ids->ids = grown;
    ids->ids[ids->n_id++] = id;
    return true;
}
