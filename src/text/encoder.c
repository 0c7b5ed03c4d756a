#include "text/encoder.h"

#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"

/* ---- What stages hold ---- */

dm_status dm_stage_fail_memory(const struct dm_encoder *encoder) {
    return dm_fail_memory(encoder->error, "encoded text");
}

dm_status dm_stage_give(struct dm_encoder *encoder, size_t stage, const char *text, size_t n_byte,
                        bool last) {
    size_t next = stage + 1;
    dm_part_feed feed = next < encoder->n_part ? encoder->parts[next].feed : encoder->sink;
    return feed(encoder, next, text, n_byte, last);
}

const char *dm_stage_text(const struct dm_encoder *encoder, size_t stage, size_t *n_byte) {
    const struct dm_held *held = &encoder->state.stages[stage].held;
    const char *bytes = encoder->buffers[stage].bytes;
    *n_byte = held->end - held->begin;
    return bytes ? bytes + held->begin : "";
}

dm_status dm_stage_hold(struct dm_encoder *encoder, size_t stage, const char *text, size_t n_byte) {
    struct dm_held *held = &encoder->state.stages[stage].held;
    struct dm_bytes *buffer = &encoder->buffers[stage];
    buffer->n_byte = held->end;
    if (!dm_bytes_append(buffer, text, n_byte))
        return dm_stage_fail_memory(encoder);
    held->end += n_byte;
    return DM_OK;
}

void dm_stage_let_go(struct dm_encoder *encoder, size_t stage, size_t n_byte) {
    struct dm_held *held = &encoder->state.stages[stage].held;
    held->begin += n_byte;
    held->enough = 2 * (held->end - held->begin);
}

bool dm_stage_has_enough(const struct dm_encoder *encoder, size_t stage, bool last) {
    const struct dm_held *held = &encoder->state.stages[stage].held;
    return last || held->end - held->begin >= held->enough;
}

/* ---- The last stage ---- */

enum { short_word = 64 }; /* bytes: not worth looking for cuts in it */

/* A word, merged as it is, or in parts that no merge can join. */
static dm_status feed_words(struct dm_encoder *encoder, size_t stage, const char *text,
                            size_t n_byte, bool last) {
    const struct dm_bpe *bpe = encoder->bpe;
    dm_status status = dm_stage_hold(encoder, stage, text, n_byte);
    if (status || !dm_stage_has_enough(encoder, stage, last))
        return status;
    size_t n_held, begin = 0, end;
    const char *word = dm_stage_text(encoder, stage, &n_held);
    bool fine = true;
    if (!last || n_held > short_word)
        for (; fine && (end = dm_bpe_cut(bpe, word, n_held, begin)) < n_held; begin = end)
            fine = dm_bpe_encode_word(bpe, &encoder->scratch, word + begin, end - begin,
                                      &encoder->ids);
    if (fine && last && begin < n_held) {
        fine =
            dm_bpe_encode_word(bpe, &encoder->scratch, word + begin, n_held - begin, &encoder->ids);
        begin = n_held;
    }
    dm_stage_let_go(encoder, stage, begin);
    return fine ? DM_OK : dm_stage_fail_memory(encoder);
}

static dm_status feed_collected(struct dm_encoder *encoder, size_t stage, const char *text,
                                size_t n_byte, bool last) {
    (void)stage;
    (void)last;
    return dm_bytes_append(&encoder->collected, text, n_byte) ? DM_OK
                                                              : dm_stage_fail_memory(encoder);
}

/* ---- The way in ---- */

static dm_status give_text(struct dm_encoder *encoder, const char *text, size_t n_byte, bool last) {
    encoder->state.n_read += n_byte;
    dm_part_feed feed = encoder->n_part ? encoder->parts[0].feed : encoder->sink;
    return feed(encoder, 0, text, n_byte, last);
}

static dm_status fail_utf8(const struct dm_encoder *encoder) {
    return dm_fail(encoder->error, DM_ERROR_FORMAT, "the text is not UTF-8 at byte %zu",
                   encoder->state.n_read);
}

/* Goes on with a character that a cut has left unfinished; `*n_used`: so many bytes of the text. */
static dm_status finish_character(struct dm_encoder *encoder, const char *text, size_t n_byte,
                                  size_t *n_used) {
    struct dm_encoder_state *state = &encoder->state;
    for (*n_used = 0; state->n_unfinished && *n_used < n_byte; ++*n_used) {
        state->unfinished[state->n_unfinished++] = text[*n_used];
        if (dm_utf8_is_unfinished(state->unfinished, state->n_unfinished))
            continue;
        size_t n = state->n_unfinished;
        if (dm_utf8_valid_prefix(state->unfinished, n) < n)
            return fail_utf8(encoder);
        state->n_unfinished = 0;
        dm_status status = give_text(encoder, state->unfinished, n, false);
        if (status)
            return status;
    }
    return DM_OK;
}

static dm_status feed_text(struct dm_encoder *encoder, const char *text, size_t n_byte, bool last) {
    struct dm_encoder_state *state = &encoder->state;
    size_t n_used;
    dm_status status = finish_character(encoder, text, n_byte, &n_used);
    if (status)
        return status;
    if (n_used) {
        text += n_used;
        n_byte -= n_used;
    }
    size_t n_valid = n_byte ? dm_utf8_valid_prefix(text, n_byte) : 0, n_more = n_byte - n_valid;
    bool sound = !n_more || dm_utf8_is_unfinished(text + n_valid, n_more);
    bool ends = last && sound && !n_more && !state->n_unfinished;
    status = give_text(encoder, text, n_valid, ends);
    if (status || ends)
        return status;
    if (last || !sound)
        return fail_utf8(encoder);
    if (n_more)
        memcpy(state->unfinished, text + n_valid, n_more);
    state->n_unfinished += n_more;
    return DM_OK;
}

/* Moves what is held to the front of its buffer. */
static void close_ranks(struct dm_encoder *encoder) {
    for (size_t stage = 0; stage <= encoder->n_part; stage++) {
        struct dm_held *held = &encoder->state.stages[stage].held;
        size_t n;
        const char *text = dm_stage_text(encoder, stage, &n);
        if (n && held->begin)
            memmove(encoder->buffers[stage].bytes, text, n);
        held->begin = 0;
        held->end = n;
    }
}

/* ---- From outside ---- */

dm_status dm_encoder_open(struct dm_encoder *encoder, const struct dm_tokenizer *tokenizer,
                          dm_error *error) {
    *encoder = (struct dm_encoder){.parts = tokenizer->parts,
                                   .n_part = tokenizer->n_part,
                                   .sink = feed_words,
                                   .bpe = &tokenizer->bpe};
    return dm_pattern_scan_open(&encoder->scan, error);
}

void dm_encoder_close(struct dm_encoder *encoder) {
    for (size_t i = 0; i <= DM_MAX_PART; i++)
        dm_memory_free(encoder->buffers[i].bytes);
    dm_normalizer_close(&encoder->normalizer);
    dm_pattern_scan_close(&encoder->scan);
    dm_bpe_scratch_close(&encoder->scratch);
    dm_memory_free(encoder->collected.bytes);
    dm_memory_free(encoder->ids.ids);
}

dm_status dm_encoder_feed(struct dm_encoder *encoder, const char *text, size_t n_byte, bool last,
                          dm_error *error) {
    const struct dm_encoder_state before = encoder->state;
    encoder->error = error;
    dm_status status = feed_text(encoder, text, n_byte, last);
    encoder->error = NULL;
    if (status)
        encoder->state = before;
    else if (last)
        encoder->state = (struct dm_encoder_state){0};
    else
        close_ranks(encoder);
    return status;
}

/* Bytes that are encoded at a time: what stages hold stays small beside a long text. */
static const size_t slice = 1 << 16;

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

dm_status dm_encoder_normalize(const struct dm_tokenizer *tokenizer, const char *text,
                               size_t n_byte, char **normal, size_t *n_normal, dm_error *error) {
    struct dm_encoder encoder = {
        .parts = tokenizer->parts + 1, .n_part = tokenizer->n_normalizer, .sink = feed_collected};
    dm_status status = dm_encoder_feed(&encoder, text, n_byte, true, error);
    if (!status) {
        *normal = encoder.collected.bytes;
        *n_normal = encoder.collected.n_byte;
        encoder.collected = (struct dm_bytes){0};
    }
    dm_encoder_close(&encoder);
    return status;
}
