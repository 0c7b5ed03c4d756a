/* The header of a GGUF file, built in memory: little-endian numbers; a text is its length (64 bits)
 * and its bytes, a key its name, the type of its value and the value.
 * Format: github.com/ggml-org/ggml, docs/gguf.md, version 3. */
#ifndef DM_GGUF_GGUF_BYTES_H
#define DM_GGUF_GGUF_BYTES_H

#include <stdbool.h>

#include "base/gguf_file.h"
#include "text/grow.h"

/* Starts zeroed. Once memory is short, nothing more is written: checking at the end is enough. */
struct dm_gguf_bytes {
    struct dm_bytes bytes;
    size_t n_key;
    bool is_short; /* memory was */
};

void dm_gguf_bytes_close(struct dm_gguf_bytes *bytes);
void dm_gguf_put(struct dm_gguf_bytes *bytes, const void *data, size_t n_byte);
void dm_gguf_put_u32(struct dm_gguf_bytes *bytes, uint32_t value);
void dm_gguf_put_u64(struct dm_gguf_bytes *bytes, uint64_t value);
void dm_gguf_put_text(struct dm_gguf_bytes *bytes, const char *text, size_t n_byte);

void dm_gguf_key_u32(struct dm_gguf_bytes *bytes, const char *key, uint32_t value);
void dm_gguf_key_f32(struct dm_gguf_bytes *bytes, const char *key, float value);
void dm_gguf_key_bool(struct dm_gguf_bytes *bytes, const char *key, bool value);
void dm_gguf_key_text(struct dm_gguf_bytes *bytes, const char *key, const char *value,
                      size_t n_byte);
/* The caller then writes the `n` elements. */
void dm_gguf_key_array(struct dm_gguf_bytes *bytes, const char *key, enum dm_gguf_type type,
                       size_t n);

#endif
