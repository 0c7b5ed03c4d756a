/* Protocol Buffers' wire format: reading it field by field, from bytes that are not trusted, and writing
 * it. */
#ifndef DM_TEXT_PROTOBUF_H
#define DM_TEXT_PROTOBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text/grow.h"

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

/* Each appends a field; false: memory is short. */
bool dm_protobuf_put_whole(struct dm_bytes *message, unsigned number, uint64_t value);
bool dm_protobuf_put_real(struct dm_bytes *message, unsigned number, float value);
bool dm_protobuf_put_bytes(struct dm_bytes *message, unsigned number, const char *bytes,
                           size_t n_byte);

#endif
