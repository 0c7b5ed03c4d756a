/* Source: PKWARE's APPNOTE.TXT. */
#include "stored_zip.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

enum { max_before = 30, max_central = 46, end_size = 22, version = 20 };

static uint32_t checksum(const unsigned char *bytes, size_t n) {
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < n; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    }
    return ~crc;
}

static unsigned char *put(unsigned char *at, uint64_t value, size_t n_byte) {
    for (size_t i = 0; i < n_byte; i++)
        *at++ = (unsigned char)(value >> 8 * i);
    return at;
}

static unsigned char *put_bytes(unsigned char *at, const void *bytes, size_t n) {
    if (n)
        memcpy(at, bytes, n);
    return at + n;
}

/* What a local and a central header have in common, from the version needed to the extra field's
 * length. */
static unsigned char *put_facts(unsigned char *at, const struct zip_entry *entry) {
    at = put(at, version, 2);
    at = put(at, 0, 8); /* no flags, stored, no date */
    at = put(at, checksum(entry->bytes, entry->n_byte), 4);
    at = put(at, entry->n_byte, 4);
    at = put(at, entry->n_byte, 4);
    at = put(at, strlen(entry->name), 2);
    return put(at, 0, 2);
}

unsigned char *stored_zip(const struct zip_entry *entries, size_t n_entry, size_t *n_byte) {
    size_t room = end_size;
    for (size_t i = 0; i < n_entry; i++)
        room += max_before + max_central + 2 * strlen(entries[i].name) + entries[i].n_byte;
    unsigned char *zip = malloc(room), *at = zip;
    size_t *offsets = malloc(n_entry * sizeof *offsets);
    MUST(zip && offsets);
    for (size_t i = 0; i < n_entry; i++) {
        offsets[i] = (size_t)(at - zip);
        at = put_facts(put(at, 0x04034b50, 4), &entries[i]);
        at = put_bytes(at, entries[i].name, strlen(entries[i].name));
        at = put_bytes(at, entries[i].bytes, entries[i].n_byte);
    }
    size_t directory = (size_t)(at - zip);
    for (size_t i = 0; i < n_entry; i++) {
        at = put_facts(put(put(at, 0x02014b50, 4), version, 2), &entries[i]);
        at = put(put(put(at, 0, 4), 0, 4), 0, 2); /* no comment, disk 0, no attributes */
        at = put(at, offsets[i], 4);
        at = put_bytes(at, entries[i].name, strlen(entries[i].name));
    }
    size_t n_directory = (size_t)(at - zip) - directory;
    at = put(put(at, 0x06054b50, 4), 0, 4);
    at = put(put(at, n_entry, 2), n_entry, 2);
    at = put(put(at, n_directory, 4), directory, 4);
    at = put(at, 0, 2);
    free(offsets);
    *n_byte = (size_t)(at - zip);
    return zip;
}
