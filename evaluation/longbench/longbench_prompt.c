#include "longbench_prompt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"

/* A piece of a template: a brace, a field, or what is between. */
enum piece_kind { PIECE_END, PIECE_TEXT, PIECE_CONTEXT, PIECE_INPUT, PIECE_ERROR };
struct piece {
    enum piece_kind kind;
    struct utf8 text; /* as it stands in the prompt, or what is wrong */
};

static struct piece wrong(const char *what) {
    return (struct piece){PIECE_ERROR, {what, strlen(what)}};
}

/* The piece that begins at *at, which is moved behind it. */
static struct piece next_piece(const char **at) {
    const char *begin = *at;
    if (!*begin)
        return (struct piece){PIECE_END, {begin, 0}};
    if (*begin != '{' && *begin != '}') {
        *at += strcspn(begin, "{}");
        return (struct piece){PIECE_TEXT, {begin, (size_t)(*at - begin)}};
    }
    if (begin[1] == begin[0]) {
        *at += 2;
        return (struct piece){PIECE_TEXT, {begin, 1}};
    }
    static const struct {
        const char *name;
        enum piece_kind kind;
    } fields[] = {{"{context}", PIECE_CONTEXT}, {"{input}", PIECE_INPUT}};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (!strncmp(begin, fields[i].name, strlen(fields[i].name))) {
            *at += strlen(fields[i].name);
            return (struct piece){fields[i].kind, {begin, 0}};
        }
    return wrong(*begin == '}'        ? "a single '}': write '}}'"
                 : strchr(begin, '}') ? "a field that is neither {context} nor {input}"
                                      : "a single '{': write '{{'");
}

const char *longbench_template_error(const char *format) {
    struct piece piece;
    do
        piece = next_piece(&format);
    while (piece.kind != PIECE_END && piece.kind != PIECE_ERROR);
    return piece.kind == PIECE_ERROR ? piece.text.bytes : NULL;
}

static struct utf8 text_of(const struct piece *piece, const struct utf8 *context,
                           const struct utf8 *input) {
    return piece->kind == PIECE_CONTEXT ? *context
           : piece->kind == PIECE_INPUT ? *input
                                        : piece->text;
}

bool longbench_prompt_write(const char *format, const struct utf8 *context,
                            const struct utf8 *input, char **prompt, size_t *n_byte) {
    struct piece piece;
    FILE *stream = open_memstream(prompt, n_byte);
    if (!stream)
        return false;
    for (const char *at = format; (piece = next_piece(&at)).kind != PIECE_END;) {
        struct utf8 part = text_of(&piece, context, input);
        fwrite(part.bytes, 1, part.n_byte, stream);
    }
    bool failed = ferror(stream);
    if (fclose(stream) == 0 && !failed)
        return true;
    free(*prompt);
    return false;
}

/* Decodes both ends, joins them, and encodes the whole. */
static dm_status encode_ends(const dm_tokenizer *tokenizer, const int32_t *ids, size_t n_id,
                             size_t half, int32_t **cut, size_t *n_cut, dm_error *error) {
    char *head = NULL, *tail = NULL, *whole = NULL;
    size_t n_head = 0, n_tail = 0;
    dm_status status = dm_tokenizer_decode(tokenizer, ids, half, 0, &head, &n_head, error);
    if (!status)
        status = dm_tokenizer_decode(tokenizer, ids + n_id - half, half, 0, &tail, &n_tail, error);
    if (!status && !(whole = malloc(n_head + n_tail + 1)))
        status = dm_fail_memory(error, "a prompt");
    if (!status) {
        memcpy(whole, head, n_head);
        memcpy(whole + n_head, tail, n_tail);
        status = dm_tokenizer_encode(tokenizer, whole, n_head + n_tail, cut, n_cut, error);
    }
    dm_free(head);
    dm_free(tail);
    free(whole);
    return status;
}

dm_status longbench_encode(const dm_tokenizer *tokenizer, const char *text, size_t n_byte,
                           size_t max_length, int32_t **ids, size_t *n_id, dm_error *error) {
    int32_t *whole, *cut;
    size_t n_whole, n_cut;
    dm_status status = dm_tokenizer_encode(tokenizer, text, n_byte, &whole, &n_whole, error);
    if (status)
        return status;
    if (!max_length || n_whole <= max_length) {
        *ids = whole;
        *n_id = n_whole;
        return DM_OK;
    }
    status = encode_ends(tokenizer, whole, n_whole, max_length / 2, &cut, &n_cut, error);
    dm_free(whole);
    if (!status) {
        *ids = cut;
        *n_id = n_cut;
    }
    return status;
}
