/* The safetensors format: 8 bytes of header length (little-endian), a JSON header, the data.
 * Files are untrusted: every offset, size and overlap is checked before anything is used. */
#ifndef DM_CHECKPOINT_SAFETENSORS_H
#define DM_CHECKPOINT_SAFETENSORS_H

#include "base/blocks.h"
#include "base/file_writer.h"
#include "base/json.h"
#include "base/mapped_file.h"

enum dm_element {
    DM_ELEMENT_F32,
    DM_ELEMENT_BF16,
    DM_ELEMENT_F16,
    DM_ELEMENT_F64,
    DM_ELEMENT_I64,
    DM_ELEMENT_I32,
    DM_ELEMENT_OTHER /* known to the format, not to us: listed, never used */
};
size_t dm_element_size(enum dm_element element);      /* 0 for DM_ELEMENT_OTHER */
const char *dm_element_name(enum dm_element element); /* in a header; not of DM_ELEMENT_OTHER */

enum { DM_TENSOR_MAX_DIM = 8 };

struct dm_named_tensor {
    const char *name;
    enum dm_element element;
    size_t n_dim, shape[DM_TENSOR_MAX_DIM];
    size_t n_byte;
    const unsigned char *data;          /* into the file (may be unaligned) */
    const struct dm_block_kind *blocks; /* of DM_ELEMENT_OTHER, in a GGUF file; NULL: none */
};

struct dm_safetensors {
    struct dm_mapped_file file;
    json_t *header; /* owns the names */
    struct dm_named_tensor *tensors;
    size_t n_tensor;
};

dm_status dm_safetensors_open(struct dm_safetensors *tensors, const char *path, dm_error *error);
/* The same, but all of it is read into memory. */
dm_status dm_safetensors_read(struct dm_safetensors *tensors, const char *path, dm_error *error);
/* The same of a file's bytes in the caller's memory, which stay there until it is closed; `name`
 * stands for a path in messages. */
dm_status dm_safetensors_borrow(struct dm_safetensors *tensors, const void *bytes, size_t n_byte,
                                const char *name, dm_error *error);
void dm_safetensors_close(struct dm_safetensors *tensors); /* a zeroed struct is fine */
const struct dm_named_tensor *dm_safetensors_find(const struct dm_safetensors *tensors,
                                                  const char *name);
/* The text under `key` in __metadata__, or NULL. */
const char *dm_safetensors_metadata(const struct dm_safetensors *tensors, const char *key);

/* Writing: the list of tensors first, then their bytes in the same order, through a file writer
 * (so the file appears whole or not at all).
 *
 *     dm_safetensors_begin(&writer, path, list, n, metadata, error);   `data` of the list is unused
 *     dm_file_writer_write(&writer, bytes of list[0], list[0].n_byte, error); ...
 *     dm_file_writer_commit(&writer, error);
 *
 * The data begins at a multiple of 64 bytes. `metadata`: an object of strings, or NULL. */
dm_status dm_safetensors_begin(struct dm_file_writer *writer, const char *path,
                               const struct dm_named_tensor *list, size_t n_tensor,
                               const json_t *metadata, dm_error *error);
/* The part of it that follows the opening of a writer of any kind. */
dm_status dm_safetensors_write_header(struct dm_file_writer *writer,
                                      const struct dm_named_tensor *list, size_t n_tensor,
                                      const json_t *metadata, dm_error *error);

#endif
