#include "text/decoder.h"

#include "base/memory.h"
#include "text/grow.h"

dm_status dm_token_bytes(const struct dm_tokenizer *tokenizer, int32_t id, bool keep_special,
                         const char **bytes, size_t *n_byte, dm_error *error) {
    if (id < 0 || (size_t)id >= tokenizer->n_token)
        return dm_fail(error, DM_ERROR_ARGUMENT, "cannot decode id %d: the tokenizer has %zu ids",
                       (int)id, tokenizer->n_token);
    const struct dm_token *token = &tokenizer->tokens[id];
    *bytes = token->bytes;
    *n_byte = token->special && !keep_special ? 0 : token->n_byte;
    return DM_OK;
}

dm_status dm_decoder_create(const struct dm_tokenizer *tokenizer, bool keep_special,
                            struct dm_decoder **decoder, dm_error *error) {
    struct dm_decoder *made = dm_memory_zeroed(1, sizeof *made);
    if (!made)
        return dm_fail_memory(error, "a decoder");
    made->tokenizer = tokenizer;
    made->keep_special = keep_special;
    made->output = dm_memory_array(tokenizer->longest + 2, DM_UTF8_REPLACEMENT_LENGTH);
    if (!made->output) {
        dm_decoder_release(made);
        return dm_fail_memory(error, "a decoder");
    }
    *decoder = made;
    return DM_OK;
}

void dm_decoder_release(struct dm_decoder *decoder) {
    if (!decoder)
        return;
    dm_memory_free(decoder->output);
    dm_memory_free(decoder);
}

static void give(struct dm_decoder *decoder, size_t n_output, const char **text, size_t *n_byte) {
    decoder->output[n_output] = '\0';
    *text = decoder->output;
    *n_byte = n_output;
}

dm_status dm_decoder_next(struct dm_decoder *decoder, int32_t id, const char **text, size_t *n_byte,
                          dm_error *error) {
    const char *bytes = NULL;
    size_t n = 0;
    dm_status status =
        dm_token_bytes(decoder->tokenizer, id, decoder->keep_special, &bytes, &n, error);
    if (status)
        return status;
    give(decoder, dm_utf8_stream_push(&decoder->stream, bytes, n, decoder->output), text, n_byte);
    return DM_OK;
}

void dm_decoder_end(struct dm_decoder *decoder, const char **text, size_t *n_byte) {
    give(decoder, dm_utf8_stream_finish(&decoder->stream, decoder->output), text, n_byte);
}

/* Room for `n_more` bytes pushed through a stream, for its finish, and for a NUL. */
static bool reserve(struct dm_bytes *output, size_t n_more) {
    size_t wanted;
    if (!dm_size_mul(n_more + 2, DM_UTF8_REPLACEMENT_LENGTH, &wanted) ||
        !dm_size_add(wanted, output->n_byte, &wanted))
        return false;
    char *grown = dm_grow(output->bytes, output->n_byte, &output->capacity, wanted, 1);
    if (grown)
        output->bytes = grown;
    return grown != NULL;
}

/* Appends what an id completes. */
static dm_status append(const struct dm_tokenizer *tokenizer, int32_t id, bool keep_special,
                        struct dm_utf8_stream *stream, struct dm_bytes *output, dm_error *error) {
    const char *bytes = NULL;
    size_t n = 0;
    dm_status status = dm_token_bytes(tokenizer, id, keep_special, &bytes, &n, error);
    if (status)
        return status;
    if (!reserve(output, n))
        return dm_fail_memory(error, "decoded text");
    output->n_byte += dm_utf8_stream_push(stream, bytes, n, output->bytes + output->n_byte);
    return DM_OK;
}

dm_status dm_tokenizer_to_text(const struct dm_tokenizer *tokenizer, const int32_t *ids,
                               size_t n_id, bool keep_special, char **text, size_t *n_byte,
                               dm_error *error) {
    struct dm_bytes output = {0};
    struct dm_utf8_stream stream = {0};
    if (!reserve(&output, 0))
        return dm_fail_memory(error, "decoded text");
    for (size_t i = 0; i < n_id; i++) {
        dm_status status = append(tokenizer, ids[i], keep_special, &stream, &output, error);
        if (status) {
            dm_memory_free(output.bytes);
            return status;
        }
    }
    output.n_byte += dm_utf8_stream_finish(&stream, output.bytes + output.n_byte);
    output.bytes[output.n_byte] = '\0';
    *text = output.bytes;
    *n_byte = output.n_byte;
    return DM_OK;
}
