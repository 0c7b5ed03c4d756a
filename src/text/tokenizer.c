#include "text/tokenizer.h"

#include "base/memory.h"

void dm_tokenizer_release(struct dm_tokenizer *tokenizer) {
    if (!tokenizer)
        return;
    for (size_t i = 0; tokenizer->tokens && i < tokenizer->n_token; i++)
        dm_memory_free(tokenizer->tokens[i].own);
    dm_memory_free(tokenizer->tokens);
    dm_memory_free(tokenizer->pool);
    dm_memory_free(tokenizer->scores);
    dm_string_table_close(&tokenizer->added_only);
    dm_added_tokens_close(&tokenizer->raw);
    dm_added_tokens_close(&tokenizer->normal);
    for (size_t i = 0; i < tokenizer->n_part; i++) {
        dm_memory_free(tokenizer->parts[i].text);
        dm_memory_free(tokenizer->parts[i].other);
        dm_pattern_close(&tokenizer->parts[i].pattern);
    }
    for (size_t i = 0; i < tokenizer->n_decoder; i++) {
        dm_memory_free(tokenizer->decoders[i].text);
        dm_memory_free(tokenizer->decoders[i].other);
    }
    dm_bpe_close(&tokenizer->bpe);
    dm_memory_free(tokenizer->before.ids);
    dm_memory_free(tokenizer->after.ids);
    dm_memory_free(tokenizer);
}

int32_t dm_tokenizer_id_of(const struct dm_tokenizer *tokenizer, const char *text, size_t n_byte) {
    int32_t id = dm_string_table_get(&tokenizer->bpe.vocabulary, text, n_byte);
    return id >= 0 ? id : dm_string_table_get(&tokenizer->added_only, text, n_byte);
}

json_t *dm_special_text(const json_t *settings, const char *key) {
    json_t *named = json_object_get(settings, key);
    if (json_is_object(named))
        named = json_object_get(named, "content");
    return json_is_string(named) ? named : NULL;
}

int32_t dm_tokenizer_named(const struct dm_tokenizer *tokenizer, const json_t *settings,
                           const char *key) {
    const json_t *named = dm_special_text(settings, key);
    return named
               ? dm_tokenizer_id_of(tokenizer, json_string_value(named), json_string_length(named))
               : -1;
}
