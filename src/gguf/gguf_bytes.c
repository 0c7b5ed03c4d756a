#include "gguf/gguf_bytes.h"

#include <string.h>

#include "base/half.h"
#include "base/memory.h"

void dm_gguf_bytes_close(struct dm_gguf_bytes *bytes) {
    dm_memory_free(bytes->bytes.bytes);
    *bytes = (struct dm_gguf_bytes){0};
}

void dm_gguf_put(struct dm_gguf_bytes *bytes, const void *data, size_t n_byte) {
    struct dm_bytes *all = &bytes->bytes;
    size_t wanted = 0;
    char *grown = !bytes->is_short && dm_size_add(all->n_byte, n_byte, &wanted)
                      ? dm_grow(all->bytes, all->n_byte, &all->capacity, wanted, 1)
                      : NULL;
    if (!grown) {
        bytes->is_short = true;
        return;
    }
    all->bytes = grown;
    memcpy(grown + all->n_byte, data, n_byte);
    all->n_byte = wanted;
}

static void put_number(struct dm_gguf_bytes *bytes, uint64_t value, size_t n_byte) {
    unsigned char little_endian[sizeof value];
    for (size_t i = 0; i < n_byte; i++)
        little_endian[i] = (unsigned char)(value >> 8 * i);
    dm_gguf_put(bytes, little_endian, n_byte);
}

void dm_gguf_put_u32(struct dm_gguf_bytes *bytes, uint32_t value) {
    put_number(bytes, value, sizeof value);
}

void dm_gguf_put_u64(struct dm_gguf_bytes *bytes, uint64_t value) {
    put_number(bytes, value, sizeof value);
}

void dm_gguf_put_text(struct dm_gguf_bytes *bytes, const char *text, size_t n_byte) {
    dm_gguf_put_u64(bytes, n_byte);
    dm_gguf_put(bytes, text, n_byte);
}

static void begin_key(struct dm_gguf_bytes *bytes, const char *key, enum dm_gguf_type type) {
    dm_gguf_put_text(bytes, key, strlen(key));
    dm_gguf_put_u32(bytes, type);
    bytes->n_key++;
}

void dm_gguf_key_u32(struct dm_gguf_bytes *bytes, const char *key, uint32_t value) {
    begin_key(bytes, key, DM_GGUF_U32);
    dm_gguf_put_u32(bytes, value);
}

void dm_gguf_key_f32(struct dm_gguf_bytes *bytes, const char *key, float value) {
    begin_key(bytes, key, DM_GGUF_F32);
    dm_gguf_put_u32(bytes, dm_float_bits(value));
}

void dm_gguf_key_bool(struct dm_gguf_bytes *bytes, const char *key, bool value) {
    begin_key(bytes, key, DM_GGUF_BOOL);
    put_number(bytes, value, 1);
}

void dm_gguf_key_text(struct dm_gguf_bytes *bytes, const char *key, const char *value,
                      size_t n_byte) {
    begin_key(bytes, key, DM_GGUF_TEXT);
    dm_gguf_put_text(bytes, value, n_byte);
}

void dm_gguf_key_array(struct dm_gguf_bytes *bytes, const char *key, enum dm_gguf_type type,
                       size_t n) {
    begin_key(bytes, key, DM_GGUF_ARRAY);
    dm_gguf_put_u32(bytes, type);
    dm_gguf_put_u64(bytes, n);
}
