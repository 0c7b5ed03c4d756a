/* A reader of GGUF files for tests, written from the format's description. Whatever a file breaks
 * of it fails the test. */
#ifndef DM_GGUF_TEST_GGUF_READER_H
#define DM_GGUF_TEST_GGUF_READER_H

#include "test_support.h"

enum { GGUF_MAX_KEY = 64, GGUF_MAX_TENSOR = 128, GGUF_MAX_DIM = 4 };

struct gguf_key {
    const char *name; /* not ended by a NUL, as all text of a file */
    size_t n_name;
    uint32_t type;
    const unsigned char *value; /* for an array, its type and its count come first */
    size_t n_value;
};

struct gguf_tensor {
    const char *name;
    size_t n_name;
    uint32_t n_dim, type; /* type: 0 f32, 1 f16, 8 q8_0, 12 q4_K, 30 bf16 */
    uint64_t shape[GGUF_MAX_DIM];
    const unsigned char *data;
    size_t n_byte;
};

struct gguf_file {
    unsigned char *bytes;
    size_t n_byte;
    struct gguf_key keys[GGUF_MAX_KEY];
    struct gguf_tensor tensors[GGUF_MAX_TENSOR];
    size_t n_key, n_tensor;
};

/* Checks that the tensors lie one after the other, each at a multiple of 32, up to the file's
 * end. */
void gguf_read(struct gguf_file *file, const char *path);
void gguf_free(struct gguf_file *file);
/* NULL: there is none. */
const struct gguf_key *gguf_find_key(const struct gguf_file *file, const char *name, size_t n_name);
const struct gguf_tensor *gguf_find_tensor(const struct gguf_file *file, const char *name,
                                           size_t n_name);

#endif
