#include "token_source.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "fail.h"
#include "options.h"

enum { piece_size = 1 << 16 };
static const char space[] = " \t\r\n\f\v";

static bool open_source(struct token_source *source, const char *what, const char *operand,
                        const char *file) {
    *source = (struct token_source){0};
    if (!input_open(&source->input, what, operand, file))
        return false;
    source->bytes = malloc(piece_size + 1);
    return source->bytes || fail_memory();
}

bool token_source_open_text(struct token_source *source, const char *what, const char *operand,
                            const char *file, const dm_tokenizer *tokenizer) {
    dm_error error;
    return open_source(source, what, operand, file) &&
           (!dm_encoder_new(tokenizer, &source->encoder, &error) || fail("%s", error.message));
}

void token_source_begin(struct token_source *source, const dm_tokenizer *tokenizer) {
    dm_tokenizer_template(tokenizer, &source->first, &source->n_first, NULL, NULL);
}

bool token_source_open_ids(struct token_source *source, const char *what, const char *operand,
                           const char *file, size_t limit) {
    if (!open_source(source, what, operand, file))
        return false;
    source->limit = limit;
    source->ids = malloc((piece_size / 2 + 1) * sizeof *source->ids);
    return source->ids || fail_memory();
}

void token_source_close(struct token_source *source) {
    input_close(&source->input);
    dm_encoder_free(source->encoder);
    free(source->bytes);
    free(source->ids);
    *source = (struct token_source){0};
}

/* Reads more behind what is there. */
static dm_status fill(struct token_source *source, dm_error *error) {
    size_t n;
    char *room = source->bytes + source->n_byte;
    dm_status status = input_next(&source->input, room, piece_size - source->n_byte, &n, error);
    if (status)
        return status;
    if (source->watch)
        source->watch(room, n, source->user);
    source->n_byte += n;
    source->bytes[source->n_byte] = 0;
    return DM_OK;
}

/* ---- Text ---- */

static dm_status encode_piece(struct token_source *source, const int32_t **ids, size_t *n_id,
                              dm_error *error) {
    char reason[sizeof error->message];
    dm_status status = DM_OK;
    if (!source->input.ended)
        status = fill(source, error);
    if (status)
        return status;
    source->finished = !source->n_byte && source->input.ended;
    status = source->finished ? dm_encoder_finish(source->encoder, ids, n_id, error)
                              : dm_encoder_push(source->encoder, source->bytes, source->n_byte, ids,
                                                n_id, error);
    source->n_byte = 0;
    if (!status)
        return DM_OK;
    memcpy(reason, error->message, sizeof reason);
    return dm_fail(error, status, "%s: %.400s", source->input.name, reason);
}

/* ---- Ids ---- */

static dm_status refuse_id(const struct token_source *source, const char *word, size_t length,
                           size_t number, bool whole, dm_error *error) {
    const char *name = source->input.name;
    int shown = (int)(length < 40 ? length : 40);
    if (!length)
        return dm_fail(error, DM_ERROR_FORMAT, "%s: byte %zu is 0, which no list of ids holds",
                       name,
                       source->input.n_read - source->n_byte + (size_t)(word - source->bytes));
    if (whole)
        return dm_fail(error, DM_ERROR_FORMAT, "%s: id %zu is %.*s: the vocabulary ends at %zu",
                       name, number, shown, word, source->limit - 1);
    return dm_fail(error, DM_ERROR_FORMAT, "%s: id %zu, '%.*s', is not a whole number", name,
                   number, shown, word);
}

static dm_status parse_piece(struct token_source *source, const int32_t **ids, size_t *n_id,
                             dm_error *error) {
    dm_status status = source->input.ended ? DM_OK : fill(source, error);
    const char *c = source->bytes, *end = c + source->n_byte;
    size_t n = 0;
    while (!status) {
        c += strspn(c, space);
        size_t length = strcspn(c, space);
        bool may_go_on = c + length == end && !source->input.ended && length < piece_size;
        if (c == end || may_go_on)
            break;
        uint64_t id = 0;
        bool whole = length && read_whole(c, length, &id);
        if (!whole || id >= source->limit)
            return refuse_id(source, c, length, source->n_id + n + 1, whole, error);
        source->ids[n++] = (int32_t)id;
        c += length;
    }
    if (status)
        return status;
    source->n_byte = (size_t)(end - c);
    memmove(source->bytes, c, source->n_byte);
    source->finished = source->input.ended;
    *ids = source->ids;
    *n_id = n;
    return DM_OK;
}

dm_status token_source_next(struct token_source *source, const int32_t **ids, size_t *n_id,
                            dm_error *error) {
    size_t n_read;
    *n_id = source->n_first;
    if (source->n_first) {
        *ids = source->first;
        source->n_id += source->n_first;
        source->n_first = 0;
        return DM_OK;
    }
    do {
        if (source->finished || !source->bytes)
            return DM_OK;
        n_read = source->input.n_read;
        dm_status status = source->encoder ? encode_piece(source, ids, n_id, error)
                                           : parse_piece(source, ids, n_id, error);
        if (status)
            return status;
    } while (!*n_id && (source->input.n_read > n_read || source->input.ended));
    source->n_id += *n_id;
    return DM_OK;
}

static dm_status next_of_stream(void *user, const int32_t **ids, size_t *n_id, dm_error *error) {
    return token_source_next(user, ids, n_id, error);
}

struct token_stream token_source_stream(struct token_source *source) {
    return (struct token_stream){next_of_stream, source};
}
