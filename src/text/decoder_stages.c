/* What decoders do with the text of tokens. */
#include <string.h>

#include "base/memory.h"
#include "text/byte_alphabet.h"
#include "text/decoder.h"

static const char replacement[] = "\xef\xbf\xbd";

/* Tokens in the byte alphabet become its bytes, others those of their text; all together are one text,
 * in which what is not UTF-8 becomes U+FFFD. */
dm_status dm_decode_byte_level(struct dm_decoder *decoder, size_t stage, const char *text,
                               size_t n_byte, bool last, bool end) {
    struct dm_decode_state *state = &decoder->state.stages[stage];
    char bytes[256], valid[DM_UTF8_REPLACEMENT_LENGTH * (sizeof bytes + 1)];
    (void)last; /* a token comes whole */
    if (end) {
        size_t n = dm_utf8_stream_finish(&state->stream, valid);
        dm_status status = dm_decode_give(decoder, stage, valid, n, true);
        return status ? status : dm_decode_give_end(decoder, stage);
    }
    bool in_alphabet = dm_alphabet_holds(text, n_byte);
    for (size_t done = 0; done < n_byte;) {
        size_t n = 0, length = 1;
        for (; done < n_byte && n < sizeof bytes; done += length) {
            bytes[n] = text[done];
            if (in_alphabet)
                bytes[n] =
                    (char)(unsigned char)dm_alphabet_byte(dm_utf8_decode(text + done, &length));
            n++;
        }
        n = dm_utf8_stream_push(&state->stream, bytes, n, valid);
        dm_status status = dm_decode_give(decoder, stage, valid, n, false);
        if (status)
            return status;
    }
    return DM_OK;
}

/* Of the first token all of the replacement goes, in the others it becomes a space. */
dm_status dm_decode_metaspace(struct dm_decoder *decoder, size_t stage, const char *text,
                              size_t n_byte, bool last, bool end) {
    const struct dm_decode_part *part = &decoder->tokenizer->decoders[stage];
    struct dm_decode_state *state = &decoder->state.stages[stage];
    size_t n_space = part->drop_first && !state->past_first ? 0 : 1;
    const char *found;
    dm_status status = DM_OK;
    if (end)
        return dm_decode_give_end(decoder, stage);
    while (!status && (found = dm_bytes_find(text, n_byte, part->text, part->n_text))) {
        status = dm_decode_give(decoder, stage, text, (size_t)(found - text), false);
        if (!status)
            status = dm_decode_give(decoder, stage, " ", n_space, false);
        n_byte -= (size_t)(found - text) + part->n_text;
        text = found + part->n_text;
    }
    state->past_first = state->past_first || last;
    return status ? status : dm_decode_give(decoder, stage, text, n_byte, last);
}

/* ---- Bytes ---- */

static int hex_digit(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                  : -1;
}

/* The byte that a token like <0x41> is, or -1. Rust's numbers may begin with a plus. */
static int byte_of(const char *text, size_t n_byte) {
    if (n_byte != 6 || memcmp(text, "<0x", 3) != 0 || text[5] != '>')
        return -1;
    int high = text[3] == '+' ? 0 : hex_digit(text[3]), low = hex_digit(text[4]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* A run of bytes is the text that it encodes; one that is not UTF-8 is a U+FFFD for each byte, of all
 * the run, or, by character, of those bytes that are no character's. */
static dm_status give_bytes(struct dm_decoder *decoder, size_t stage) {
    struct dm_decode_state *state = &decoder->state.stages[stage];
    size_t n_byte, n;
    const char *bytes = dm_decode_held(decoder, stage, &n_byte);
    bool whole = dm_utf8_valid_prefix(bytes, n_byte) == n_byte;
    bool by_character = decoder->tokenizer->decoders[stage].by_character;
    dm_status status = DM_OK;
    state->begin = state->end;
    for (; !status && n_byte; bytes += n, n_byte -= n) {
        n = whole || by_character ? dm_utf8_valid_prefix(bytes, n_byte) : 0;
        if (n) {
            status = dm_decode_give(decoder, stage, bytes, n, true);
        } else {
            n = 1;
            status = dm_decode_give(decoder, stage, replacement, sizeof replacement - 1, true);
        }
    }
    return status;
}

dm_status dm_decode_byte_fallback(struct dm_decoder *decoder, size_t stage, const char *text,
                                  size_t n_byte, bool last, bool end) {
    int byte = end ? -1 : byte_of(text, n_byte); /* a token comes whole */
    if (byte >= 0)
        return dm_decode_hold(decoder, stage, (char[]){(char)(unsigned char)byte}, 1);
    dm_status status = give_bytes(decoder, stage);
    if (status)
        return status;
    return end ? dm_decode_give_end(decoder, stage)
               : dm_decode_give(decoder, stage, text, n_byte, last);
}

/* ---- Text ---- */

/* All tokens are one from here on. */
dm_status dm_decode_fuse(struct dm_decoder *decoder, size_t stage, const char *text, size_t n_byte,
                         bool last, bool end) {
    (void)last;
    dm_status status = dm_decode_give(decoder, stage, text, n_byte, end);
    return status || !end ? status : dm_decode_give_end(decoder, stage);
}

/* Within a token; a piece may end in the middle of what is replaced. A token is given whole where it
 * came whole, as the next stage may have to see. */
dm_status dm_decode_replace(struct dm_decoder *decoder, size_t stage, const char *text,
                            size_t n_byte, bool last, bool end) {
    const struct dm_decode_part *part = &decoder->tokenizer->decoders[stage];
    struct dm_decode_state *state = &decoder->state.stages[stage];
    if (end)
        return dm_decode_give_end(decoder, stage);
    struct dm_bytes *made = &decoder->scratch[stage];
    const char *found;
    size_t n_held;
    dm_status status = dm_decode_hold(decoder, stage, text, n_byte);
    if (status)
        return status;
    const char *held = dm_decode_held(decoder, stage, &n_held);
    bool fine = true;
    made->n_byte = 0;
    while (fine && (found = dm_bytes_find(held, n_held, part->text, part->n_text))) {
        fine = dm_bytes_append(made, held, (size_t)(found - held)) &&
               dm_bytes_append(made, part->other, part->n_other);
        n_held -= (size_t)(found - held) + part->n_text;
        held = found + part->n_text;
    }
    size_t n_keep = n_held < part->n_text - 1 ? n_held : part->n_text - 1;
    n_keep = last ? 0 : n_keep;
    while (n_keep && memcmp(held + n_held - n_keep, part->text, n_keep) != 0)
        n_keep--;
    fine = fine && dm_bytes_append(made, held, n_held - n_keep);
    state->begin = state->end - n_keep;
    return fine ? dm_decode_give(decoder, stage, made->bytes, made->n_byte, last)
                : dm_decode_fail_memory(decoder);
}

/* Gives what was not at the end after all. */
static dm_status give_strips(struct dm_decoder *decoder, size_t stage, size_t n) {
    const struct dm_decode_part *part = &decoder->tokenizer->decoders[stage];
    dm_status status = DM_OK;
    for (; n && !status; n--)
        status = dm_decode_give(decoder, stage, part->text, part->n_text, false);
    return status;
}

/* At the start of a token, and at its end, so many characters at most. With nothing to strip at the
 * end, a token that comes whole is given whole. */
dm_status dm_decode_strip(struct dm_decoder *decoder, size_t stage, const char *text, size_t n_byte,
                          bool last, bool end) {
    const struct dm_decode_part *part = &decoder->tokenizer->decoders[stage];
    struct dm_decode_state *state = &decoder->state.stages[stage];
    size_t n = part->n_text;
    if (end)
        return dm_decode_give_end(decoder, stage);
    while (!state->past_start && state->n_cut < part->n_start && n_byte >= n &&
           memcmp(text, part->text, n) == 0) {
        state->n_cut++;
        text += n;
        n_byte -= n;
    }
    state->past_start = state->past_start || n_byte;
    bool once = part->first_only && (state->past_start || state->n_cut);
    if (last) {
        state->n_cut = 0;
        state->past_start = once;
    }
    if (!part->n_stop)
        return dm_decode_give(decoder, stage, text, n_byte, last);
    size_t n_rest = n_byte, n_before = state->n_waiting;
    while (n_rest >= n && memcmp(text + n_rest - n, part->text, n) == 0) {
        state->n_waiting++;
        n_rest -= n;
    }
    dm_status status = DM_OK;
    if (n_rest) {
        status = give_strips(decoder, stage, n_before);
        state->n_waiting -= n_before;
    }
    size_t n_kept = state->n_waiting > part->n_stop ? state->n_waiting - part->n_stop : 0;
    if (!status)
        status = dm_decode_give(decoder, stage, text, n_rest, false);
    if (!status)
        status = give_strips(decoder, stage, n_kept);
    state->n_waiting = last ? 0 : state->n_waiting - n_kept;
    return status || !last ? status : dm_decode_give(decoder, stage, "", 0, true);
}
