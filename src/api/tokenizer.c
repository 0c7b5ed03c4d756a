#include <string.h>

#include "api/options.h"
#include "base/memory.h"
#include "checkpoint/stop_tokens.h"
#include "text/decoder.h"
#include "text/encoder.h"
#include "text/tokenizer.h"

DM_API dm_status dm_tokenizer_load(const char *path, dm_tokenizer **tokenizer, dm_error *error) {
    if (!path || !tokenizer)
        return dm_refuse_null(__func__, error);
    return dm_tokenizer_read(path, tokenizer, error);
}

DM_API void dm_tokenizer_free(dm_tokenizer *tokenizer) {
    dm_tokenizer_release(tokenizer);
}

DM_API size_t dm_tokenizer_vocab_size(const dm_tokenizer *tokenizer) {
    return tokenizer ? tokenizer->n_token : 0;
}

DM_API int32_t dm_tokenizer_find(const dm_tokenizer *tokenizer, const char *token) {
    return tokenizer && token ? dm_tokenizer_id_of(tokenizer, token, strlen(token)) : -1;
}

DM_API int32_t dm_tokenizer_end(const dm_tokenizer *tokenizer) {
    return tokenizer ? tokenizer->end : -1;
}

DM_API void dm_tokenizer_template(const dm_tokenizer *tokenizer, const int32_t **before,
                                  size_t *n_before, const int32_t **after, size_t *n_after) {
    static const struct dm_ids none;
    const struct dm_ids *first = tokenizer ? &tokenizer->before : &none,
                        *last = tokenizer ? &tokenizer->after : &none;
    if (before)
        *before = first->ids;
    if (n_before)
        *n_before = first->n_id;
    if (after)
        *after = last->ids;
    if (n_after)
        *n_after = last->n_id;
}

DM_API dm_status dm_checkpoint_stop_tokens(const char *directory, const dm_tokenizer *tokenizer,
                                           int32_t **ids, size_t *n_id, dm_error *error) {
    if (!directory || !ids || !n_id)
        return dm_refuse_null(__func__, error);
    struct dm_token_list stops;
    dm_status status = dm_stop_tokens_read(directory, dm_tokenizer_end(tokenizer), &stops, error);
    if (status)
        return status;
    int32_t *copy = dm_memory_array(stops.n, sizeof *copy);
    if (!copy)
        return dm_fail_memory(error, "the stop tokens");
    memcpy(copy, stops.ids, stops.n * sizeof *copy);
    *ids = copy;
    *n_id = stops.n;
    return DM_OK;
}

DM_API dm_status dm_tokenizer_encode(const dm_tokenizer *tokenizer, const char *text, size_t n_byte,
                                     int32_t **ids, size_t *n_id, dm_error *error) {
    if (!tokenizer || (!text && n_byte) || !ids || !n_id)
        return dm_refuse_null(__func__, error);
    return dm_tokenizer_to_ids(tokenizer, text, n_byte, ids, n_id, error);
}

DM_API dm_status dm_encoder_new(const dm_tokenizer *tokenizer, dm_encoder **encoder,
                                dm_error *error) {
    if (!tokenizer || !encoder)
        return dm_refuse_null(__func__, error);
    struct dm_encoder *made = dm_memory_zeroed(1, sizeof *made);
    dm_status status =
        made ? dm_encoder_open(made, tokenizer, error) : dm_fail_memory(error, "an encoder");
    if (status)
        dm_encoder_free(made);
    else
        *encoder = made;
    return status;
}

DM_API void dm_encoder_free(dm_encoder *encoder) {
    if (encoder)
        dm_encoder_close(encoder);
    dm_memory_free(encoder);
}

/* The ids that a piece settles, in place of those before. */
static dm_status feed(dm_encoder *encoder, const char *text, size_t n_byte, bool last,
                      const int32_t **ids, size_t *n_id, dm_error *error) {
    encoder->ids.n_id = 0;
    dm_status status = dm_encoder_feed(encoder, text, n_byte, last, error);
    if (!status) {
        *ids = encoder->ids.ids;
        *n_id = encoder->ids.n_id;
    }
    return status;
}

DM_API dm_status dm_encoder_push(dm_encoder *encoder, const char *text, size_t n_byte,
                                 const int32_t **ids, size_t *n_id, dm_error *error) {
    if (!encoder || (!text && n_byte) || !ids || !n_id)
        return dm_refuse_null(__func__, error);
    return feed(encoder, text, n_byte, false, ids, n_id, error);
}

DM_API dm_status dm_encoder_finish(dm_encoder *encoder, const int32_t **ids, size_t *n_id,
                                   dm_error *error) {
    if (!encoder || !ids || !n_id)
        return dm_refuse_null(__func__, error);
    return feed(encoder, NULL, 0, true, ids, n_id, error);
}

DM_API dm_status dm_tokenizer_decode(const dm_tokenizer *tokenizer, const int32_t *ids, size_t n_id,
                                     int keep_special, char **text, size_t *n_byte,
                                     dm_error *error) {
    if (!tokenizer || (!ids && n_id) || !text || !n_byte)
        return dm_refuse_null(__func__, error);
    return dm_tokenizer_to_text(tokenizer, ids, n_id, keep_special != 0, text, n_byte, error);
}

DM_API dm_status dm_decoder_new(const dm_tokenizer *tokenizer, int keep_special,
                                dm_decoder **decoder, dm_error *error) {
    if (!tokenizer || !decoder)
        return dm_refuse_null(__func__, error);
    return dm_decoder_create(tokenizer, keep_special != 0, decoder, error);
}

DM_API void dm_decoder_free(dm_decoder *decoder) {
    dm_decoder_release(decoder);
}

DM_API dm_status dm_decoder_push(dm_decoder *decoder, int32_t id, const char **text, size_t *n_byte,
                                 dm_error *error) {
    if (!decoder || !text || !n_byte)
        return dm_refuse_null(__func__, error);
    return dm_decoder_next(decoder, id, text, n_byte, error);
}

DM_API dm_status dm_decoder_finish(dm_decoder *decoder, const char **text, size_t *n_byte,
                                   dm_error *error) {
    if (!decoder || !text || !n_byte)
        return dm_refuse_null(__func__, error);
    return dm_decoder_end(decoder, text, n_byte, error);
}
