/* TensorBoard's event files: records (TFRecord: length, checksum, bytes, checksum) that each hold
 * one Event of tensorflow/core/util/event.proto, of which only a few fields are needed. */
#ifndef DECIMAMBA_TRAIN_EVENT_FILE_H
#define DECIMAMBA_TRAIN_EVENT_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Each writes one record; false: errno says why. */
bool event_write_version(FILE *stream, double wall_time);
/* The value of `tag` (at most 100 bytes) at `step`; wall_time in seconds since 1970. */
bool event_write_scalar(FILE *stream, double wall_time, uint64_t step, const char *tag,
                        float value);

/* CRC-32C (Castagnoli), reflected, as iSCSI uses it (RFC 3720). */
uint32_t crc32c(const void *bytes, size_t n_byte);

#endif
