#include "text/loading.h"

#include <string.h>

#include "base/memory.h"
#include "text/byte_alphabet.h"

dm_status dm_loading_count(struct dm_loading *loading, const char *key, const json_t *id,
                           const char *text, size_t n_text) {
    struct dm_tokenizer *tokenizer = loading->tokenizer;
    if (!json_is_integer(id) || json_integer_value(id) < 0 ||
        json_integer_value(id) >= DM_MAX_VOCABULARY)
        return dm_fail(loading->error, DM_ERROR_FORMAT,
                       "%s: %s: an id must be a whole number from 0 to %d: that of \"%s\"",
                       loading->path, key, DM_MAX_VOCABULARY - 1, text);
    if ((size_t)json_integer_value(id) >= tokenizer->n_token)
        tokenizer->n_token = (size_t)json_integer_value(id) + 1;
    size_t both; /* the text, and the bytes that it stands for */
    return dm_size_mul(n_text, 2, &both) && dm_size_add(loading->n_pool, both, &loading->n_pool)
               ? DM_OK
               : dm_loading_fail_memory(loading);
}

const char *dm_loading_pool(struct dm_loading *loading, const char *text, size_t n_text,
                            struct dm_token *token) {
    char *pooled = loading->tokenizer->pool + loading->n_pooled, *bytes = pooled + n_text;
    loading->n_pooled += 2 * n_text;
    memcpy(pooled, text, n_text);
    token->byte_level = dm_alphabet_decode(pooled, n_text, bytes, &token->n_byte);
    token->bytes = token->byte_level ? bytes : pooled;
    if (!token->byte_level)
        token->n_byte = n_text;
    return pooled;
}

dm_status dm_loading_put(struct dm_loading *loading, int32_t id, const char *text, size_t n_text) {
    struct dm_tokenizer *tokenizer = loading->tokenizer;
    struct dm_token *token = &tokenizer->tokens[id];
    if (token->bytes)
        return dm_fail(loading->error, DM_ERROR_FORMAT, "%s: two tokens have the id %d: \"%s\"",
                       loading->path, (int)id, text);
    const char *pooled = dm_loading_pool(loading, text, n_text, token);
    dm_string_table_put(&tokenizer->by_text, pooled, n_text, id);
    return DM_OK;
}
