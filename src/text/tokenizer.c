#include "text/tokenizer.h"

#include "base/memory.h"
#include "text/encoder.h"

/* Bytes that are encoded at a time: what stages hold stays small beside a long text. */
static const size_t slice = 1 << 16;

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

dm_status dm_tokenizer_to_ids(const struct dm_tokenizer *tokenizer, const char *text, size_t n_byte,
                              int32_t **ids, size_t *n_id, dm_error *error) {
    struct dm_encoder encoder;
    dm_status status = dm_encoder_open(&encoder, tokenizer, error);
    size_t capacity = n_byte / 4 + 1, done = 0;
    if (!status) {
        encoder.ids.ids = dm_memory_array(capacity, sizeof *encoder.ids.ids);
        encoder.ids.capacity = encoder.ids.ids ? capacity : 0;
        if (!encoder.ids.ids)
            status = dm_fail_memory(error, "encoded text");
    }
    for (bool last = false; !status && !last; done += slice) {
        last = n_byte - done <= slice;
        status = dm_encoder_feed(&encoder, done ? text + done : text, last ? n_byte - done : slice,
                                 last, error);
    }
    if (!status) {
        *ids = encoder.ids.ids;
        *n_id = encoder.ids.n_id;
        encoder.ids = (struct dm_ids){0};
    }
    dm_encoder_close(&encoder);
    return status;
}
