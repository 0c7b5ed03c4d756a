/* Filling a tokenizer from its tokenizer.json: what its two sources share. */
#ifndef DM_TEXT_LOADING_H
#define DM_TEXT_LOADING_H

#include "base/json.h"
#include "text/tokenizer.h"

struct dm_loading {
    const char *path; /* heads messages */
    struct dm_tokenizer *tokenizer;
    json_t *model, *vocab, *merges, *added; /* parts of the file; `added` may be NULL */
    size_t n_pool, n_pooled;                /* bytes of the pool: in all, and in use */
    size_t n_added_byte;                    /* of the added tokens' texts */
    dm_error *error;
};

static inline dm_status dm_loading_fail_memory(const struct dm_loading *loading) {
    return dm_fail_memory(loading->error, loading->path);
}

/* Checks an id, and counts it and its text into the sizes to allocate. `key` names the place. */
dm_status dm_loading_count(struct dm_loading *loading, const char *key, const json_t *id,
                           const char *text, size_t n_text);
/* Copies a text to the pool, with the bytes that it stands for, which become the token's. Gives the
 * copy. */
const char *dm_loading_pool(struct dm_loading *loading, const char *text, size_t n_text,
                            struct dm_token *token);
/* Gives a free id its text and bytes. */
dm_status dm_loading_put(struct dm_loading *loading, int32_t id, const char *text, size_t n_text);

#endif
