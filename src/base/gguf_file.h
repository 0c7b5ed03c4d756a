/* GGUF files, versions 2 and 3, little-endian: keys with their values, a list of tensors, and their
 * data. Files are untrusted: every count, size and place is checked before anything is used. Texts
 * and arrays stay where the file has them, not aligned and not ended by a NUL.
 * Format: github.com/ggml-org/ggml, docs/gguf.md. */
#ifndef DM_BASE_GGUF_FILE_H
#define DM_BASE_GGUF_FILE_H

#include <stdint.h>

#include "base/mapped_file.h"

/* Types of values. */
enum dm_gguf_type {
    DM_GGUF_U8,
    DM_GGUF_I8,
    DM_GGUF_U16,
    DM_GGUF_I16,
    DM_GGUF_U32,
    DM_GGUF_I32,
    DM_GGUF_F32,
    DM_GGUF_BOOL,
    DM_GGUF_TEXT,
    DM_GGUF_ARRAY,
    DM_GGUF_U64,
    DM_GGUF_I64,
    DM_GGUF_F64,
    DM_N_GGUF_TYPE
};

struct dm_gguf_text {
    const char *bytes;
    size_t n_byte;
};

struct dm_gguf_value {
    enum dm_gguf_type type; /* of an array's elements */
    bool is_array;
    size_t n; /* elements; 1 of no array */
    const unsigned char *bytes;
};

struct dm_gguf_key {
    struct dm_gguf_text name;
    struct dm_gguf_value value;
};

/* Types of tensors (enum ggml_type) that are used here; those of blocks are in base/blocks.h. */
enum { DM_GGUF_TENSOR_F32 = 0, DM_GGUF_TENSOR_F16 = 1, DM_GGUF_TENSOR_BF16 = 30 };
/* "Q4_K"; NULL: no type has the number. */
const char *dm_gguf_tensor_type_name(uint32_t type);

enum { DM_GGUF_MAX_NAME = 64, DM_GGUF_MAX_DIM = 4, DM_GGUF_ALIGNMENT = 32 }; /* what is usual */

struct dm_gguf_entry {
    char name[DM_GGUF_MAX_NAME + 1];
    uint32_t type;
    size_t n_dim, shape[DM_GGUF_MAX_DIM]; /* the slowest dimension first, not as in the file */
    size_t n_element, n_byte;
    const unsigned char *data;
};

struct dm_gguf_file {
    struct dm_mapped_file file;
    struct dm_gguf_key *keys; /* sorted by name; names are distinct */
    size_t n_key;
    struct dm_gguf_entry *tensors; /* in the order of their data; they do not overlap */
    size_t n_tensor;
};

/* A file that begins as GGUF does, or whose name ends so, and no folder. */
bool dm_gguf_is_file(const char *path);
/* `copy`: all of it is read into memory, not mapped. */
dm_status dm_gguf_open(struct dm_gguf_file *gguf, const char *path, bool copy, dm_error *error);
void dm_gguf_close(struct dm_gguf_file *gguf); /* a zeroed struct is fine */

/* ---- Values: NULL, or what was there before, where there is no such key; a value of another type
 * is DM_ERROR_FORMAT ---- */

/* By name, for qsort. */
int dm_gguf_compare_keys(const void *a, const void *b);
const struct dm_gguf_value *dm_gguf_find(const struct dm_gguf_file *gguf, const char *key);
/* A whole number >= 0, of whatever type. */
dm_status dm_gguf_get_size(const struct dm_gguf_file *gguf, const char *key, size_t *size,
                           dm_error *error);
/* A float32 is the shortest decimal number that rounds to it. */
dm_status dm_gguf_get_real(const struct dm_gguf_file *gguf, const char *key, double *real,
                           dm_error *error);
dm_status dm_gguf_get_bool(const struct dm_gguf_file *gguf, const char *key, bool *value,
                           dm_error *error);
dm_status dm_gguf_get_text(const struct dm_gguf_file *gguf, const char *key,
                           struct dm_gguf_text *text, dm_error *error);
/* An array of texts; of whole numbers of any type; of float32. */
dm_status dm_gguf_get_texts(const struct dm_gguf_file *gguf, const char *key,
                            const struct dm_gguf_value **texts, dm_error *error);
dm_status dm_gguf_get_wholes(const struct dm_gguf_file *gguf, const char *key,
                             const struct dm_gguf_value **wholes, dm_error *error);
dm_status dm_gguf_get_floats(const struct dm_gguf_file *gguf, const char *key,
                             const struct dm_gguf_value **floats, dm_error *error);
/* Elements: of texts one after the other, where `*at` begins at `bytes` of the value; of numbers by
 * index. A whole number beyond int64_t is -1. */
struct dm_gguf_text dm_gguf_next_text(const unsigned char **at);
int64_t dm_gguf_whole(const struct dm_gguf_value *wholes, size_t i);
float dm_gguf_float(const struct dm_gguf_value *floats, size_t i);
bool dm_gguf_text_is(struct dm_gguf_text text, const char *other);

#endif
