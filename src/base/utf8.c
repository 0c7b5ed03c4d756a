#include "base/utf8.h"

#include <string.h>

size_t dm_utf8_count(const char *text, size_t n_byte) {
    size_t n = 0;
    for (size_t i = 0; i < n_byte; i++)
        n += !dm_utf8_goes_on(text[i]);
    return n;
}

/* Begins a character with `byte`; false when no character begins so. */
static bool begin(struct dm_utf8_stream *stream, unsigned char byte) {
    if (byte >= 0x80 && (byte < 0xc2 || byte > 0xf4))
        return false;
    stream->pending[0] = byte;
    stream->n_pending = 1;
    stream->n_missing = byte < 0x80 ? 0 : byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
    /* Over-long forms, surrogates and what lies above U+10FFFF show in the second byte. */
    stream->low = byte == 0xe0 ? 0xa0 : byte == 0xf0 ? 0x90 : 0x80;
    stream->high = byte == 0xed ? 0x9f : byte == 0xf4 ? 0x8f : 0xbf;
    return true;
}

/* Goes on with `byte`; false when it does not belong to the unfinished character. */
static bool extend(struct dm_utf8_stream *stream, unsigned char byte) {
    if (byte < stream->low || byte > stream->high)
        return false;
    stream->pending[stream->n_pending++] = byte;
    stream->n_missing--;
    stream->low = 0x80;
    stream->high = 0xbf;
    return true;
}

size_t dm_utf8_valid_prefix(const char *text, size_t n_byte) {
    struct dm_utf8_stream stream = {0};
    size_t i = 0, start = 0;
    while (i < n_byte) {
        uint64_t eight;
        if (!stream.n_missing && n_byte - i >= sizeof eight) {
            memcpy(&eight, text + i, sizeof eight);
            if (!(eight & 0x8080808080808080u)) {
                i += sizeof eight;
                continue;
            }
        }
        unsigned char byte = (unsigned char)text[i];
        if (!stream.n_missing)
            start = i;
        if (stream.n_missing ? !extend(&stream, byte) : !begin(&stream, byte))
            return start;
        i++;
    }
    return stream.n_missing ? start : n_byte;
}

bool dm_utf8_is_unfinished(const char *text, size_t n_byte) {
    struct dm_utf8_stream stream = {0};
    bool fine = n_byte && begin(&stream, (unsigned char)text[0]);
    for (size_t i = 1; fine && i < n_byte; i++)
        fine = stream.n_missing && extend(&stream, (unsigned char)text[i]);
    return fine && stream.n_missing;
}

uint32_t dm_utf8_decode(const char *text, size_t *n_byte) {
    const unsigned char *s = (const unsigned char *)text;
    *n_byte = s[0] < 0x80 ? 1 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
    switch (*n_byte) {
    case 1:
        return s[0];
    case 2:
        return (s[0] & 0x1fu) << 6 | (s[1] & 0x3fu);
    case 3:
        return (s[0] & 0x0fu) << 12 | (s[1] & 0x3fu) << 6 | (s[2] & 0x3fu);
    default:
        return (s[0] & 0x07u) << 18 | (s[1] & 0x3fu) << 12 | (s[2] & 0x3fu) << 6 | (s[3] & 0x3fu);
    }
}

size_t dm_utf8_length_before(const char *text, size_t end) {
    size_t begin_at = end - 1;
    while (begin_at > 0 && ((unsigned char)text[begin_at] & 0xc0) == 0x80)
        begin_at--;
    return end - begin_at;
}

static size_t put_replacement(char *output) {
    memcpy(output, "\xef\xbf\xbd", DM_UTF8_REPLACEMENT_LENGTH);
    return DM_UTF8_REPLACEMENT_LENGTH;
}

size_t dm_utf8_stream_push(struct dm_utf8_stream *stream, const char *bytes, size_t n_byte,
                           char *output) {
    size_t n_output = 0;
    for (size_t i = 0; i < n_byte; i++) {
        unsigned char byte = (unsigned char)bytes[i];
        bool whole = stream->n_pending > 0 && extend(stream, byte);
        if (!whole) {
            n_output += dm_utf8_stream_finish(stream, output + n_output);
            whole = begin(stream, byte);
            if (!whole)
                n_output += put_replacement(output + n_output);
        }
        if (whole && !stream->n_missing) {
            memcpy(output + n_output, stream->pending, stream->n_pending);
            n_output += stream->n_pending;
            stream->n_pending = 0;
        }
    }
    return n_output;
}

size_t dm_utf8_stream_finish(struct dm_utf8_stream *stream, char *output) {
    bool unfinished = stream->n_pending > 0;
    *stream = (struct dm_utf8_stream){0};
    return unfinished ? put_replacement(output) : 0;
}
