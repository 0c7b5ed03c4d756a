#include "text/tokenizer.h"

#include <string.h>

#include "base/memory.h"
#include "text/grow.h"
#include "text/normalize.h"
#include "text/utf8.h"

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

/* One encoding under way. */
struct encoding {
    const struct dm_tokenizer *tokenizer;
    struct dm_normalizer normalizer;
    struct dm_bytes prefixed; /* a piece of text with a space put before it */
    struct dm_word_scan scan;
    struct dm_bpe_scratch bpe;
    struct dm_ids ids;
    dm_error *error;
};

static dm_status fail_memory(struct encoding *encoding) {
    return dm_fail_memory(encoding->error, "encoded text");
}

static dm_status put_space_before(struct encoding *encoding, const char **text, size_t *n_byte) {
    struct dm_bytes *prefixed = &encoding->prefixed;
    size_t wanted;
    if (!dm_size_add(*n_byte, 1, &wanted))
        return fail_memory(encoding);
    char *grown = dm_grow(prefixed->bytes, 0, &prefixed->capacity, wanted, 1);
    if (!grown)
        return fail_memory(encoding);
    prefixed->bytes = grown;
    prefixed->bytes[0] = ' ';
    memcpy(prefixed->bytes + 1, *text, *n_byte);
    *text = prefixed->bytes;
    *n_byte = wanted;
    return DM_OK;
}

/* Normal text without added tokens. */
static dm_status encode_plain(struct encoding *encoding, const char *text, size_t n_byte) {
    const struct dm_tokenizer *tokenizer = encoding->tokenizer;
    dm_status status = DM_OK;
    if (n_byte && tokenizer->add_prefix_space && text[0] != ' ')
        status = put_space_before(encoding, &text, &n_byte);
    for (size_t begin = 0, end = n_byte; begin < n_byte && !status; begin = end) {
        if (tokenizer->split_words)
            status = dm_word_scan_next(&encoding->scan, &tokenizer->pretokenizer, text, n_byte,
                                       begin, &end, encoding->error);
        if (!status && !dm_bpe_encode_word(&tokenizer->bpe, &encoding->bpe, text + begin,
                                           end - begin, &encoding->ids))
            status = fail_memory(encoding);
    }
    return status;
}

typedef dm_status (*encoder)(struct encoding *encoding, const char *text, size_t n_byte);

/* Gives the ids of the added tokens in the text, and what lies between them to `between`. */
static dm_status encode_added(struct encoding *encoding, const struct dm_added_tokens *added,
                              const char *text, size_t n_byte, encoder between) {
    struct dm_added_scan scan = {.text = text, .n_byte = n_byte};
    dm_status status = DM_OK;
    size_t done = 0;
    while (!status && dm_added_scan_next(&scan, added)) {
        if (done < scan.begin)
            status = between(encoding, text + done, scan.begin - done);
        if (!status && !dm_ids_append(&encoding->ids, scan.id))
            status = fail_memory(encoding);
        done = scan.end;
    }
    if (!status && done < n_byte)
        status = between(encoding, text + done, n_byte - done);
    return status;
}

/* Raw text without the added tokens that match raw text. */
static dm_status encode_raw(struct encoding *encoding, const char *text, size_t n_byte) {
    const struct dm_tokenizer *tokenizer = encoding->tokenizer;
    if (tokenizer->nfc && !dm_normalize_nfc(&encoding->normalizer, text, n_byte, &text, &n_byte))
        return fail_memory(encoding);
    return encode_added(encoding, &tokenizer->normal, text, n_byte, encode_plain);
}

dm_status dm_tokenizer_to_ids(const struct dm_tokenizer *tokenizer, const char *text, size_t n_byte,
                              int32_t **ids, size_t *n_id, dm_error *error) {
    size_t n_valid = dm_utf8_valid_prefix(text, n_byte);
    if (n_valid < n_byte)
        return dm_fail(error, DM_ERROR_FORMAT, "the text is not UTF-8 at byte %zu", n_valid);
    struct encoding encoding = {.tokenizer = tokenizer, .error = error};
    int32_t *made = dm_memory_array(n_byte / 4 + 1, sizeof *made);
    encoding.ids = (struct dm_ids){.ids = made, .capacity = made ? n_byte / 4 + 1 : 0};
    dm_status status = made ? DM_OK : fail_memory(&encoding);
    if (!status && tokenizer->split_words)
        status = dm_word_scan_open(&encoding.scan, &tokenizer->pretokenizer, error);
    if (!status)
        status = encode_added(&encoding, &tokenizer->raw, text, n_byte, encode_raw);
    dm_normalizer_close(&encoding.normalizer);
    dm_memory_free(encoding.prefixed.bytes);
    dm_word_scan_close(&encoding.scan);
    dm_bpe_scratch_close(&encoding.bpe);
    if (status) {
        dm_memory_free(encoding.ids.ids);
        return status;
    }
    *ids = encoding.ids.ids;
    *n_id = encoding.ids.n_id;
    return DM_OK;
}
