/* The tensors of a checkpoint directory, whatever files they lie in. */
#ifndef DM_CHECKPOINT_WEIGHT_FILES_H
#define DM_CHECKPOINT_WEIGHT_FILES_H

#include "checkpoint/safetensors.h"
#include "checkpoint/torch_bin.h"

struct dm_weight_entry {
    const struct dm_named_tensor *tensor;
    const char *path; /* of the file that holds it */
};

struct dm_weight_files {
    char *path; /* the file that was found first: model.safetensors, the index, or the .bin */
    struct dm_safetensors *shards;
    size_t n_shard;
    struct dm_torch_bin bin;
    struct dm_weight_entry *entries; /* sorted by name; names are distinct */
    size_t n_entry;
    bool copy; /* files are read into memory, not mapped */
};

/* Opens model.safetensors; else the shards that model.safetensors.index.json names (plain file
 * names, each tensor in the file that its map says, and no other tensor); else pytorch_model.bin.
 */
dm_status dm_weight_files_open(struct dm_weight_files *files, const char *directory,
                               dm_error *error);
/* The same, but all of them are read into memory. */
dm_status dm_weight_files_read(struct dm_weight_files *files, const char *directory,
                               dm_error *error);
void dm_weight_files_close(struct dm_weight_files *files); /* a zeroed struct is fine */
/* NULL: no tensor has that name. */
const struct dm_weight_entry *dm_weight_files_find(const struct dm_weight_files *files,
                                                   const char *name);
/* DM_ERROR_IO where a mapped file has changed since it was opened. */
dm_status dm_weight_files_check(const struct dm_weight_files *files, dm_error *error);
void dm_weight_files_forget_pages(const struct dm_weight_files *files);

#endif
