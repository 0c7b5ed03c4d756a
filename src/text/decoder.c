#include "text/decoder.h"

#include <string.h>

#include "base/memory.h"

/* ---- What stages use ---- */

dm_status dm_decode_fail_memory(const struct dm_decoder *decoder) {
    return dm_fail_memory(decoder->error, "decoded text");
}

static dm_status give(struct dm_decoder *decoder, size_t next, const char *text, size_t n_byte,
                      bool last, bool end) {
    if (next < decoder->tokenizer->n_decoder)
        return decoder->tokenizer->decoders[next].decode(decoder, next, text, n_byte, last, end);
    return dm_bytes_append(&decoder->output, text, n_byte) ? DM_OK : dm_decode_fail_memory(decoder);
}

dm_status dm_decode_give(struct dm_decoder *decoder, size_t stage, const char *text, size_t n_byte,
                         bool last) {
    return give(decoder, stage + 1, text, n_byte, last, false);
}

dm_status dm_decode_give_end(struct dm_decoder *decoder, size_t stage) {
    return give(decoder, stage + 1, "", 0, false, true);
}

dm_status dm_decode_hold(struct dm_decoder *decoder, size_t stage, const char *text,
                         size_t n_byte) {
    struct dm_decode_state *state = &decoder->state.stages[stage];
    struct dm_bytes *buffer = &decoder->buffers[stage];
    buffer->n_byte = state->end;
    if (!dm_bytes_append(buffer, text, n_byte))
        return dm_decode_fail_memory(decoder);
    state->end += n_byte;
    return DM_OK;
}

const char *dm_decode_held(const struct dm_decoder *decoder, size_t stage, size_t *n_byte) {
    const struct dm_decode_state *state = &decoder->state.stages[stage];
    *n_byte = state->end - state->begin;
    return decoder->buffers[stage].bytes ? decoder->buffers[stage].bytes + state->begin : "";
}

/* Moves what is held to the front of its buffer. */
static void close_ranks(struct dm_decoder *decoder) {
    for (size_t stage = 0; stage < decoder->tokenizer->n_decoder; stage++) {
        struct dm_decode_state *state = &decoder->state.stages[stage];
        size_t n;
        const char *text = dm_decode_held(decoder, stage, &n);
        if (n && state->begin)
            memmove(decoder->buffers[stage].bytes, text, n);
        state->begin = 0;
        state->end = n;
    }
}

/* ---- From outside ---- */

/* Room for what a token of `longest` bytes completes, as a rule, so that decoding it allocates nothing:
 * it may be all U+FFFD, and a character comes before it. */
static bool reserve(struct dm_bytes *buffer, size_t longest) {
    size_t n_byte = (longest + 2) * DM_UTF8_REPLACEMENT_LENGTH;
    buffer->bytes = dm_memory_array(n_byte, 1);
    buffer->capacity = buffer->bytes ? n_byte : 0;
    return buffer->bytes != NULL;
}

dm_status dm_decoder_create(const struct dm_tokenizer *tokenizer, bool keep_special,
                            struct dm_decoder **decoder, dm_error *error) {
    struct dm_decoder *made = dm_memory_zeroed(1, sizeof *made);
    if (!made)
        return dm_fail_memory(error, "a decoder");
    made->tokenizer = tokenizer;
    made->keep_special = keep_special;
    bool fine = reserve(&made->output, tokenizer->longest);
    for (size_t i = 0; i < tokenizer->n_decoder && fine; i++)
        fine = reserve(&made->buffers[i], tokenizer->longest) &&
               reserve(&made->scratch[i], tokenizer->longest);
    if (!fine) {
        dm_decoder_release(made);
        return dm_fail_memory(error, "a decoder");
    }
    *decoder = made;
    return DM_OK;
}

void dm_decoder_release(struct dm_decoder *decoder) {
    if (!decoder)
        return;
    for (size_t i = 0; i < DM_MAX_PART; i++) {
        dm_memory_free(decoder->buffers[i].bytes);
        dm_memory_free(decoder->scratch[i].bytes);
    }
    dm_memory_free(decoder->output.bytes);
    dm_memory_free(decoder);
}

/* Puts an id, or the end of all, through the stages: the output grows. */
static dm_status decode(struct dm_decoder *decoder, int32_t id, bool end, dm_error *error) {
    const struct dm_tokenizer *tokenizer = decoder->tokenizer;
    if (!end && (id < 0 || (size_t)id >= tokenizer->n_token))
        return dm_fail(error, DM_ERROR_ARGUMENT, "cannot decode id %d: the tokenizer has %zu ids",
                       (int)id, tokenizer->n_token);
    static const struct dm_token no_token = {.text = ""};
    const struct dm_token *token = end ? &no_token : &tokenizer->tokens[id];
    if (!token->text || (token->special && !decoder->keep_special))
        return DM_OK;
    const struct dm_decoder_state before = decoder->state;
    size_t n_before = decoder->output.n_byte;
    decoder->error = error;
    dm_status status = give(decoder, 0, token->text, token->n_byte, !end, end);
    decoder->error = NULL;
    if (status) {
        decoder->state = before;
        decoder->output.n_byte = n_before;
    } else if (end) {
        decoder->state = (struct dm_decoder_state){0};
    } else {
        close_ranks(decoder);
    }
    return status;
}

/* Ends the output with a NUL that does not count. */
static dm_status close_output(struct dm_decoder *decoder, dm_error *error) {
    if (!dm_bytes_append(&decoder->output, "", 1))
        return dm_fail_memory(error, "decoded text");
    decoder->output.n_byte--;
    return DM_OK;
}

/* What an id, or the end, completes, in place of what was given before. */
static dm_status step(struct dm_decoder *decoder, int32_t id, bool end, const char **text,
                      size_t *n_byte, dm_error *error) {
    decoder->output.n_byte = 0;
    dm_status status = close_output(decoder, error); /* room for it, while nothing has changed */
    const struct dm_decoder_state before = decoder->state;
    if (!status)
        status = decode(decoder, id, end, error);
    if (!status)
        status = close_output(decoder, error);
    if (status) {
        decoder->state = before;
        return status;
    }
    *text = decoder->output.bytes;
    *n_byte = decoder->output.n_byte;
    return DM_OK;
}

dm_status dm_decoder_next(struct dm_decoder *decoder, int32_t id, const char **text, size_t *n_byte,
                          dm_error *error) {
    return step(decoder, id, false, text, n_byte, error);
}

dm_status dm_decoder_end(struct dm_decoder *decoder, const char **text, size_t *n_byte,
                         dm_error *error) {
    return step(decoder, 0, true, text, n_byte, error);
}

dm_status dm_tokenizer_to_text(const struct dm_tokenizer *tokenizer, const int32_t *ids,
                               size_t n_id, bool keep_special, char **text, size_t *n_byte,
                               dm_error *error) {
    struct dm_decoder *decoder;
    dm_status status = dm_decoder_create(tokenizer, keep_special, &decoder, error);
    if (status)
        return status;
    for (size_t i = 0; i < n_id && !status; i++)
        status = decode(decoder, ids[i], false, error);
    if (!status)
        status = decode(decoder, 0, true, error);
    if (!status)
        status = close_output(decoder, error);
    if (!status) {
        *text = decoder->output.bytes;
        *n_byte = decoder->output.n_byte;
        decoder->output = (struct dm_bytes){0};
    }
    dm_decoder_release(decoder);
    return status;
}
