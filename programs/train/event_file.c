#include "event_file.h"

#include <string.h>

/* A message of protocol buffers while it is written. */
struct message {
    unsigned char bytes[256];
    size_t n;
};

enum wire_type { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 };

static void put_varint(struct message *message, uint64_t value) {
    for (; value > 127; value >>= 7)
        message->bytes[message->n++] = (unsigned char)(value | 128);
    message->bytes[message->n++] = (unsigned char)value;
}

static void put_key(struct message *message, unsigned field, enum wire_type type) {
    put_varint(message, field << 3 | (unsigned)type);
}

/* Little-endian, wherever this runs. */
static void put_fixed(struct message *message, uint64_t bits, size_t n_byte) {
    for (size_t i = 0; i < n_byte; i++)
        message->bytes[message->n++] = (unsigned char)(bits >> 8 * i);
}

static void put_double(struct message *message, unsigned field, double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_key(message, field, FIXED64);
    put_fixed(message, bits, 8);
}

static void put_float(struct message *message, unsigned field, float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_key(message, field, FIXED32);
    put_fixed(message, bits, 4);
}

static void put_bytes(struct message *message, unsigned field, const void *bytes, size_t n_byte) {
    put_key(message, field, BYTES);
    put_varint(message, n_byte);
    memcpy(message->bytes + message->n, bytes, n_byte);
    message->n += n_byte;
}

uint32_t crc32c(const void *bytes, size_t n_byte) {
    const unsigned char *byte = bytes;
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < n_byte; i++) {
        crc ^= byte[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
    }
    return ~crc;
}

/* The checksum of a record, which TFRecord turns and shifts lest it be taken of itself. */
static uint32_t masked(const void *bytes, size_t n_byte) {
    uint32_t crc = crc32c(bytes, n_byte);
    return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

static bool write_record(FILE *stream, const struct message *message) {
    struct message record = {.n = 0};
    put_fixed(&record, message->n, 8);
    put_fixed(&record, masked(record.bytes, 8), 4);
    memcpy(record.bytes + record.n, message->bytes, message->n);
    record.n += message->n;
    put_fixed(&record, masked(message->bytes, message->n), 4);
    return fwrite(record.bytes, 1, record.n, stream) == record.n;
}

bool event_write_version(FILE *stream, double wall_time) {
    static const char version[] = "brain.Event:2";
    struct message event = {.n = 0};
    put_double(&event, 1, wall_time);
    put_bytes(&event, 3, version, sizeof version - 1);
    return write_record(stream, &event);
}

bool event_write_scalar(FILE *stream, double wall_time, uint64_t step, const char *tag,
                        float value) {
    struct message event = {.n = 0}, summary = {.n = 0}, scalar = {.n = 0};
    size_t n_tag = strlen(tag);
    put_bytes(&scalar, 1, tag, n_tag < 100 ? n_tag : 100);
    put_float(&scalar, 2, value);
    put_bytes(&summary, 1, scalar.bytes, scalar.n);
    put_double(&event, 1, wall_time);
    put_key(&event, 2, VARINT);
    put_varint(&event, step);
    put_bytes(&event, 5, summary.bytes, summary.n);
    return write_record(stream, &event);
}
