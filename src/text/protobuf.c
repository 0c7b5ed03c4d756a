#include "text/protobuf.h"

#include <string.h>

#include "base/half.h"

enum wire { WIRE_VARINT = 0, WIRE_EIGHT = 1, WIRE_BYTES = 2, WIRE_FOUR = 5 };

static bool skip(struct dm_protobuf *message, size_t n_byte) {
    if (n_byte > message->n_byte)
        return false;
    message->bytes += n_byte;
    message->n_byte -= n_byte;
    return true;
}

/* Seven bits a byte, the lowest first; all but the last byte have the eighth bit. */
static bool read_varint(struct dm_protobuf *message, uint64_t *value) {
    *value = 0;
    for (unsigned shift = 0; shift < 64 && message->n_byte; shift += 7) {
        unsigned char byte = *message->bytes;
        skip(message, 1);
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return true;
    }
    return false;
}

static bool read_value(struct dm_protobuf *message, enum wire wire,
                       struct dm_protobuf_field *field) {
    const unsigned char *at = message->bytes;
    uint32_t four = 0;
    switch (wire) {
    case WIRE_VARINT:
        return read_varint(message, &field->value);
    case WIRE_EIGHT:
        return skip(message, 8);
    case WIRE_FOUR:
        if (!skip(message, 4))
            return false;
        for (unsigned i = 0; i < 4; i++)
            four |= (uint32_t)at[i] << 8 * i;
        memcpy(&field->real, &four, sizeof four);
        return true;
    case WIRE_BYTES:
        if (!read_varint(message, &field->value) || field->value > message->n_byte)
            return false;
        field->bytes = (const char *)message->bytes;
        field->n_byte = (size_t)field->value;
        return skip(message, field->n_byte);
    default:
        return false;
    }
}

bool dm_protobuf_next(struct dm_protobuf *message, struct dm_protobuf_field *field) {
    uint64_t tag;
    *field = (struct dm_protobuf_field){0};
    if (!message->n_byte)
        return false;
    if (!read_varint(message, &tag) || !read_value(message, (enum wire)(tag & 7), field)) {
        message->broken = true;
        return false;
    }
    field->number = tag >> 3;
    return true;
}

/* ---- Writing ---- */

static bool put_varint(struct dm_bytes *message, uint64_t value) {
    char bytes[10];
    size_t n = 0;
    for (; value >= 0x80; value >>= 7)
        bytes[n++] = (char)(value | 0x80);
    bytes[n++] = (char)value;
    return dm_bytes_append(message, bytes, n);
}

static bool put_tag(struct dm_bytes *message, unsigned number, enum wire wire) {
    return put_varint(message, (uint64_t)number << 3 | wire);
}

bool dm_protobuf_put_whole(struct dm_bytes *message, unsigned number, uint64_t value) {
    return put_tag(message, number, WIRE_VARINT) && put_varint(message, value);
}

bool dm_protobuf_put_real(struct dm_bytes *message, unsigned number, float value) {
    char bytes[4];
    uint32_t bits = dm_float_bits(value);
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(bits >> 8 * i);
    return put_tag(message, number, WIRE_FOUR) && dm_bytes_append(message, bytes, sizeof bytes);
}

bool dm_protobuf_put_bytes(struct dm_bytes *message, unsigned number, const char *bytes,
                           size_t n_byte) {
    return put_tag(message, number, WIRE_BYTES) && put_varint(message, n_byte) &&
           dm_bytes_append(message, bytes, n_byte);
}
