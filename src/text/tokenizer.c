#include "text/tokenizer.h"

#include "base/memory.h"

void dm_tokenizer_release(struct dm_tokenizer *tokenizer) {
    if (!tokenizer)
        return;
    dm_memory_free(tokenizer->tokens);
    dm_memory_free(tokenizer->pool);
    dm_string_table_close(&tokenizer->by_text);
    dm_added_tokens_close(&tokenizer->raw);
    dm_added_tokens_close(&tokenizer->normal);
    dm_pretokenizer_close(&tokenizer->pretokenizer);
    dm_bpe_close(&tokenizer->bpe);
    dm_memory_free(tokenizer);
}

int32_t dm_tokenizer_id_of(const struct dm_tokenizer *tokenizer, const char *text, size_t n_byte) {
    return dm_string_table_get(&tokenizer->by_text, text, n_byte);
}

int32_t dm_tokenizer_named(const struct dm_tokenizer *tokenizer, const json_t *settings,
                           const char *key) {
    const json_t *named = json_object_get(settings, key);
    if (json_is_object(named))
        named = json_object_get(named, "content");
    return json_is_string(named)
               ? dm_tokenizer_id_of(tokenizer, json_string_value(named), json_string_length(named))
               : -1;
}
