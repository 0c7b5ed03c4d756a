#include "text/encoder.h"

#include <string.h>

#include "base/memory.h"
#include "text/utf8.h"

enum { lone_bytes = 4096 }; /* that never merge, and are encoded at a time */

static dm_status fail_memory(const struct dm_encoder *encoder) {
    return dm_fail_memory(encoder->error, "encoded text");
}

/* ---- What stages hold ---- */

static const char *held_text(const struct dm_encoder *encoder, enum dm_encoder_stage stage) {
    const char *bytes = encoder->buffers[stage].bytes;
    return bytes ? bytes + encoder->state.held[stage].begin : "";
}

static size_t n_held(const struct dm_encoder *encoder, enum dm_encoder_stage stage) {
    return encoder->state.held[stage].end - encoder->state.held[stage].begin;
}

static dm_status hold(struct dm_encoder *encoder, enum dm_encoder_stage stage, const char *text,
                      size_t n_byte) {
    struct dm_held *held = &encoder->state.held[stage];
    struct dm_bytes *buffer = &encoder->buffers[stage];
    size_t wanted;
    if (!n_byte)
        return DM_OK;
    if (!dm_size_add(held->end, n_byte, &wanted))
        return fail_memory(encoder);
    char *grown = dm_grow(buffer->bytes, held->end, &buffer->capacity, wanted, 1);
    if (!grown)
        return fail_memory(encoder);
    buffer->bytes = grown;
    memcpy(grown + held->end, text, n_byte);
    held->end = wanted;
    return DM_OK;
}

/* Lets the first bytes go, once a look has gone as far as it can. */
static void let_go(struct dm_encoder *encoder, enum dm_encoder_stage stage, size_t n_byte) {
    struct dm_held *held = &encoder->state.held[stage];
    held->begin += n_byte;
    held->enough = 2 * (held->end - held->begin);
}

static bool is_enough(const struct dm_encoder *encoder, enum dm_encoder_stage stage, bool last) {
    return last || n_held(encoder, stage) >= encoder->state.held[stage].enough;
}

/* ---- The stages, from the last to the first ----
 *
 * Each is given a piece of a section, and whether it is the section's last; one may be empty. */

/* The end of the word that begins at `begin` of those held, or `begin` where it cannot be told yet. */
static dm_status find_word(struct dm_encoder *encoder, size_t begin, bool last, size_t *end) {
    const struct dm_tokenizer *tokenizer = encoder->tokenizer;
    size_t n_byte = n_held(encoder, DM_STAGE_WORDS);
    if (!tokenizer->bpe.any_merge) { /* then it is all the same where words end */
        *end = n_byte - begin < lone_bytes ? n_byte : begin + lone_bytes;
        return DM_OK;
    }
    if (!tokenizer->split_words) {
        *end = last ? n_byte : begin;
        return DM_OK;
    }
    return dm_word_scan_next(&encoder->words, &tokenizer->pretokenizer,
                             held_text(encoder, DM_STAGE_WORDS), n_byte, !last, begin, end,
                             encoder->error);
}

/* Normal text without added tokens. */
static dm_status encode_words(struct dm_encoder *encoder, const char *text, size_t n_byte,
                              bool last) {
    dm_status status = DM_OK;
    bool first = n_byte && !encoder->state.in_section;
    if (first && encoder->tokenizer->add_prefix_space && text[0] != ' ')
        status = hold(encoder, DM_STAGE_WORDS, " ", 1);
    if (!status)
        status = hold(encoder, DM_STAGE_WORDS, text, n_byte);
    encoder->state.in_section = !last && (first || encoder->state.in_section);
    if (status || !is_enough(encoder, DM_STAGE_WORDS, last))
        return status;
    const char *words = held_text(encoder, DM_STAGE_WORDS);
    size_t begin = 0, end = 0, n_word_byte = n_held(encoder, DM_STAGE_WORDS);
    while (!status && begin < n_word_byte) {
        status = find_word(encoder, begin, last, &end);
        if (status || end == begin)
            break;
        if (!dm_bpe_encode_word(&encoder->tokenizer->bpe, &encoder->bpe, words + begin, end - begin,
                                &encoder->ids))
            status = fail_memory(encoder);
        begin = end;
    }
    let_go(encoder, DM_STAGE_WORDS, begin);
    return status;
}

typedef dm_status (*stage_feed)(struct dm_encoder *encoder, const char *text, size_t n_byte,
                                bool last);

/* Gives the ids of the added tokens in what the stage holds, and what lies between them to
 * `between`. */
static dm_status scan_added(struct dm_encoder *encoder, enum dm_encoder_stage stage,
                            const struct dm_added_tokens *added, size_t n_byte, bool last,
                            stage_feed between) {
    struct dm_added_scan *scan = &encoder->state.scans[stage];
    size_t *given = &encoder->state.given[stage];
    const char *text = held_text(encoder, stage);
    dm_status status = DM_OK;
    scan->text = text;
    scan->n_byte = n_byte;
    scan->open = !last;
    while (!status && dm_added_scan_next(scan, added)) {
        size_t n = *given < scan->begin ? scan->begin - *given : 0;
        status = between(encoder, text + *given, n, true);
        if (!status && !dm_ids_append(&encoder->ids, scan->id))
            status = fail_memory(encoder);
        *given = scan->end;
    }
    if (status)
        return status;
    size_t settled = last ? n_byte : dm_added_scan_settled(scan, added);
    size_t n = *given < settled ? settled - *given : 0;
    status = between(encoder, text + *given, n, last);
    *given += n;
    size_t done = *given < scan->search ? *given : scan->search;
    if (last)
        done = n_byte;
    else if (done)
        done -= dm_utf8_length_before(text, done);
    dm_added_scan_drop(scan, done);
    *given -= done;
    let_go(encoder, stage, done);
    if (last) {
        *scan = (struct dm_added_scan){0};
        *given = 0;
    }
    return status;
}

/* Normal text. */
static dm_status encode_normal(struct dm_encoder *encoder, const char *text, size_t n_byte,
                               bool last) {
    dm_status status = hold(encoder, DM_STAGE_NORMAL, text, n_byte);
    if (status || !is_enough(encoder, DM_STAGE_NORMAL, last))
        return status;
    return scan_added(encoder, DM_STAGE_NORMAL, &encoder->tokenizer->normal,
                      n_held(encoder, DM_STAGE_NORMAL), last, encode_words);
}

/* Raw text without the added tokens that match raw text. */
static dm_status encode_raw(struct dm_encoder *encoder, const char *text, size_t n_byte,
                            bool last) {
    if (!encoder->tokenizer->nfc)
        return encode_normal(encoder, text, n_byte, last);
    dm_status status = hold(encoder, DM_STAGE_NFC, text, n_byte);
    if (status || !is_enough(encoder, DM_STAGE_NFC, last))
        return status;
    const char *raw = held_text(encoder, DM_STAGE_NFC), *normal;
    size_t n_raw = n_held(encoder, DM_STAGE_NFC), n_normal;
    if (!last)
        n_raw = dm_normalize_cut(raw, n_raw);
    if (!dm_normalize_nfc(&encoder->normalizer, raw, n_raw, &normal, &n_normal))
        return fail_memory(encoder);
    let_go(encoder, DM_STAGE_NFC, n_raw);
    return encode_normal(encoder, normal, n_normal, last);
}

/* How much of what RAW holds is whole characters; what is not UTF-8 is an error. */
static dm_status check_utf8(struct dm_encoder *encoder, bool last) {
    struct dm_encoder_state *state = &encoder->state;
    const char *text = held_text(encoder, DM_STAGE_RAW);
    size_t n_byte = n_held(encoder, DM_STAGE_RAW);
    state->n_valid += dm_utf8_valid_prefix(text + state->n_valid, n_byte - state->n_valid);
    size_t n_more = n_byte - state->n_valid;
    if (!n_more || (!last && dm_utf8_is_unfinished(text + state->n_valid, n_more)))
        return DM_OK;
    return dm_fail(encoder->error, DM_ERROR_FORMAT, "the text is not UTF-8 at byte %zu",
                   state->n_dropped + state->n_valid);
}

static dm_status encode_text(struct dm_encoder *encoder, const char *text, size_t n_byte,
                             bool last) {
    struct dm_encoder_state *state = &encoder->state;
    dm_status status = hold(encoder, DM_STAGE_RAW, text, n_byte);
    if (!status)
        status = check_utf8(encoder, last);
    if (status || !is_enough(encoder, DM_STAGE_RAW, last))
        return status;
    size_t begin = state->held[DM_STAGE_RAW].begin;
    status = scan_added(encoder, DM_STAGE_RAW, &encoder->tokenizer->raw, state->n_valid, last,
                        encode_raw);
    size_t n_done = state->held[DM_STAGE_RAW].begin - begin;
    state->n_valid -= n_done;
    state->n_dropped = last ? 0 : state->n_dropped + n_done;
    return status;
}

/* ---- From outside ---- */

dm_status dm_encoder_open(struct dm_encoder *encoder, const struct dm_tokenizer *tokenizer,
                          dm_error *error) {
    *encoder = (struct dm_encoder){.tokenizer = tokenizer};
    return tokenizer->split_words
               ? dm_word_scan_open(&encoder->words, &tokenizer->pretokenizer, error)
               : DM_OK;
}

void dm_encoder_close(struct dm_encoder *encoder) {
    for (size_t i = 0; i < DM_N_STAGE; i++)
        dm_memory_free(encoder->buffers[i].bytes);
    dm_normalizer_close(&encoder->normalizer);
    dm_word_scan_close(&encoder->words);
    dm_bpe_scratch_close(&encoder->bpe);
    dm_memory_free(encoder->ids.ids);
}

/* Moves what is held to the front of its buffer. */
static void close_ranks(struct dm_encoder *encoder) {
    for (enum dm_encoder_stage stage = 0; stage < DM_N_STAGE; stage++) {
        struct dm_held *held = &encoder->state.held[stage];
        size_t n = held->end - held->begin;
        if (n && held->begin)
            memmove(encoder->buffers[stage].bytes, held_text(encoder, stage), n);
        held->begin = 0;
        held->end = n;
    }
}

dm_status dm_encoder_feed(struct dm_encoder *encoder, const char *text, size_t n_byte, bool last,
                          dm_error *error) {
    const struct dm_encoder_state before = encoder->state;
    encoder->error = error;
    dm_status status = encode_text(encoder, text, n_byte, last);
    if (status)
        encoder->state = before;
    else
        close_ranks(encoder);
    encoder->error = NULL;
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
