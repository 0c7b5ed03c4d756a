/* UTF-8: checking, reading, and repairing as it streams by. */
#ifndef DM_BASE_UTF8_H
#define DM_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether a byte goes on with a character, and does not begin one. */
static inline bool dm_utf8_goes_on(char byte) {
    return ((unsigned char)byte & 0xC0) == 0x80;
}
/* Characters of valid text. */
size_t dm_utf8_count(const char *text, size_t n_byte);

/* Bytes at the start of the text that are whole, valid characters: `n_byte` when all are. */
size_t dm_utf8_valid_prefix(const char *text, size_t n_byte);
/* Whether the bytes are the start of one valid character, which more can make whole. */
bool dm_utf8_is_unfinished(const char *text, size_t n_byte);

/* The code point at `text`, which holds a whole valid character; `*n_byte` is its length. */
uint32_t dm_utf8_decode(const char *text, size_t *n_byte);
/* The length of the character before text[end], where end > 0. */
size_t dm_utf8_length_before(const char *text, size_t end);

/* A stream of bytes turned into valid UTF-8: each longest start of a character that does not go on
 * as one becomes U+FFFD (the Unicode standard's "substitution of maximal subparts"). Starts
 * zeroed. */
struct dm_utf8_stream {
    unsigned char pending[4]; /* an unfinished character */
    unsigned n_pending, n_missing;
    unsigned char low, high; /* the range of the byte to come */
};

enum { DM_UTF8_REPLACEMENT_LENGTH = 3 };

/* Writes what `bytes` completes to `output`, which has room for 3 * n_byte + 3; gives its length.
 */
size_t dm_utf8_stream_push(struct dm_utf8_stream *stream, const char *bytes, size_t n_byte,
                           char *output);
/* Writes U+FFFD to `output` (room for 3) where a character is unfinished; gives its length. */
size_t dm_utf8_stream_finish(struct dm_utf8_stream *stream, char *output);

#endif
