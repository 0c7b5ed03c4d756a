#include "delta_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/fail.h"

/* Writes UTF-8 text with what would move a cursor or end a document made visible. Control
 * characters of two bytes, C2 80 to C2 9F, have no pictures. */
static void write_shown(const char *bytes, size_t n_byte, FILE *stream) {
    for (size_t i = 0; i < n_byte; i++) {
        unsigned char c = (unsigned char)bytes[i];
        unsigned char next = i + 1 < n_byte ? (unsigned char)bytes[i + 1] : 0;
        if (c == 0x7f) {
            fputs("\xe2\x90\xa1", stream); /* U+2421 */
        } else if (c < 0x20 && c != '\n' && c != '\t') {
            fprintf(stream, "\xe2\x90%c", 0x80 + c); /* U+2400 + c */
        } else if (c == 0xc2 && next >= 0x80 && next < 0xa0) {
            fputs("\xef\xbf\xbd", stream); /* U+FFFD */
            i++;
        } else {
            fputc(c, stream);
        }
    }
}

/* What the tokens before number `end` have given: a piece of those that are in none yet. Where all
 * are in one (the text ends in the middle of a character), it is the last piece's. */
static void add_piece(struct delta_text *text, FILE *stream, size_t end, const char *bytes,
                      size_t n_byte) {
    const struct delta_piece *last = text->n_piece ? &text->pieces[text->n_piece - 1] : NULL;
    size_t first = last ? last->token + last->n_token : 0;
    if (first < end)
        text->pieces[text->n_piece++] =
            (struct delta_piece){first, end - first, (size_t)ftell(stream), 0};
    struct delta_piece *piece = &text->pieces[text->n_piece - 1];
    write_shown(bytes, n_byte, stream);
    piece->n_byte = (size_t)ftell(stream) - piece->at;
}

static dm_status decode(dm_decoder *decoder, const int32_t *ids, size_t n_id,
                        struct delta_text *text, FILE *stream, dm_error *error) {
    const char *bytes;
    size_t n_byte;
    for (size_t t = 0; t < n_id; t++) {
        dm_status status = dm_decoder_push(decoder, ids[t], &bytes, &n_byte, error);
        if (status)
            return status;
        if (n_byte)
            add_piece(text, stream, t + 1, bytes, n_byte);
    }
    dm_status status = dm_decoder_finish(decoder, &bytes, &n_byte, error);
    if (!status)
        add_piece(text, stream, n_id, bytes, n_byte);
    return status;
}

bool delta_text_make(const dm_tokenizer *tokenizer, const int32_t *ids, size_t n_id,
                     struct delta_text *text) {
    dm_decoder *decoder;
    dm_error error;
    char *bytes = NULL;
    size_t n_byte = 0;
    *text = (struct delta_text){.pieces = calloc(n_id, sizeof *text->pieces)};
    if (!text->pieces)
        return fail_memory();
    if (dm_decoder_new(tokenizer, 1, &decoder, &error))
        return fail("%s", error.message);
    FILE *stream = open_memstream(&bytes, &n_byte);
    bool fine = stream || fail_memory();
    if (fine && decode(decoder, ids, n_id, text, stream, &error))
        fine = fail("%s", error.message);
    if (stream && fclose(stream))
        fine = fail_memory();
    text->bytes = bytes;
    dm_decoder_free(decoder);
    return fine;
}

void delta_text_free(struct delta_text *text) {
    free(text->bytes);
    free(text->pieces);
    *text = (struct delta_text){0};
}
