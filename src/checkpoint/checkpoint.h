/* An open checkpoint directory: its config and its weights, checked against each other. */
#ifndef DM_CHECKPOINT_CHECKPOINT_H
#define DM_CHECKPOINT_CHECKPOINT_H

#include "base/blocks.h"
#include "checkpoint/parameters.h"

/* A weight: in the mapped file, or in memory where it was rounded from 64 bits or merged; row-major
 * and contiguous, possibly unaligned. */
struct dm_weight {
    const void *data; /* NULL: this model does not have it */
    dm_dtype dtype;   /* DM_DTYPE_AUTO: in blocks */
    size_t n_element;
    const struct dm_block_kind *blocks; /* NULL: none */
};

struct dm_checkpoint; /* immutable after opening */

/* Of a directory, or of a GGUF file. Sizes come from the tensors and must agree with
 * config.json. Opens the files that weight_files.h says, and merges an adapter (adapter.h) into
 * those of its model. A missing, extra-shaped, wrongly typed or duplicate tensor is an error
 * that names file and tensor. So is one of another name inside the model's own modules, but for
 * a `lm_head.weight` equal to the embedding (tied) and for `_extra_state`; one outside of them
 * is a warning. Weights of 64 bits are rounded to 32. */
dm_status dm_checkpoint_open(const char *directory, struct dm_checkpoint **checkpoint,
                             dm_error *error);
/* The same, but reads the weight files into memory, safe from later changes to them. */
dm_status dm_checkpoint_read(const char *directory, struct dm_checkpoint **checkpoint,
                             dm_error *error);
void dm_checkpoint_close(struct dm_checkpoint *checkpoint);
const struct dm_model_config *dm_checkpoint_config(const struct dm_checkpoint *checkpoint);
const struct dm_parameters *dm_checkpoint_parameters(const struct dm_checkpoint *checkpoint);
/* See dm_parameters_find. */
struct dm_weight dm_checkpoint_weight(const struct dm_checkpoint *checkpoint, size_t layer,
                                      size_t index);
/* DM_ERROR_IO where a mapped file has been written to, or cut, since it was opened: what was read
 * of it may be neither the old nor the new. */
dm_status dm_checkpoint_check(const struct dm_checkpoint *checkpoint, dm_error *error);
/* The type that a copy has where nothing else is said: the embedding's, float32 of blocks. */
dm_dtype dm_checkpoint_dtype(const struct dm_checkpoint *checkpoint);
size_t dm_weight_bytes(struct dm_weight weight);
/* Converts elements [first, first + n) of a weight to float32. */
void dm_weight_to_float(struct dm_weight weight, size_t first, size_t n, float *out);
/* Lets the kernel take back pages of the files that were read. */
void dm_checkpoint_forget_pages(const struct dm_checkpoint *checkpoint);
/* 32 hexadecimal digits and a NUL: XXH3-128 over config sizes and all weights in table order, the
 * same for the same weights in any container. Reads every byte. */
void dm_checkpoint_hash(const struct dm_checkpoint *checkpoint, char hex[33]);

/* DM_ERROR_NUMBER names the first weight that holds NaN or infinity, and where: the embedding, then
 * layer by layer, then the last norm and the head. Reads every byte. */
dm_status dm_checkpoint_check_finite(const struct dm_checkpoint *checkpoint, dm_error *error);

/* See dm_checkpoint_convert and dm_checkpoint_init in decimamba.h. */
dm_status dm_checkpoint_write_converted(const char *input, const char *output, dm_dtype dtype,
                                        dm_error *error);
dm_status dm_checkpoint_write_random(const char *config_path, const char *output, dm_dtype dtype,
                                     uint64_t seed, dm_error *error);

#endif
