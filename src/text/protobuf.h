/* Reading Protocol Buffers' wire format, field by field, from bytes that are not trusted. */
#ifndef DM_TEXT_PROTOBUF_H
#define DM_TEXT_PROTOBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dm_protobuf { /* starts as {bytes, n_byte} */
    const unsigned char *bytes;
    size_t n_byte;
    bool broken; /* these bytes are no message */
};

struct dm_protobuf_field {
    uint64_t number;
    uint64_t value;    /* of a number that is not a float */
    float real;        /* of four bytes */
    const char *bytes; /* of a string or a message; else NULL, */
    size_t n_byte;     /* and 0 */
};

/* The next field; false at the end, and where the bytes are broken. */
bool dm_protobuf_next(struct dm_protobuf *message, struct dm_protobuf_field *field);

#endif
