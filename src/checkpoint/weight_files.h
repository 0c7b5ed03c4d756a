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
};

/* Opens model.safetensors; else the shards that model.safetensors.index.json names (plain file
 * names, each tensor in the file that its map says, and no other tensor); else pytorch_model.bin.
 */
dm_status dm_weight_files_open(struct dm_weight_files *files, const char *directory,
                               dm_error *error);
void dm_weight_files_close(struct dm_weight_files *files); /* a zeroed struct is fine */
/* NULL: no tensor has that name. */
const struct dm_weight_entry *dm_weight_files_find(const struct dm_weight_files *files,
                                                   const char *name);
void dm_weight_files_forget_pages(const struct dm_weight_files *files);

#endif
