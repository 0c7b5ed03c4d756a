/* The tensors of a checkpoint directory, in whatever files, or of a GGUF file. */
#ifndef DM_CHECKPOINT_WEIGHT_FILES_H
#define DM_CHECKPOINT_WEIGHT_FILES_H

#include "checkpoint/gguf_weights.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/torch_bin.h"

/* Names are compared without what wrappers put before them: "module." (DistributedDataParallel),
 * "_orig_mod." (torch.compile), "base_model.model." (PEFT); and without "backbone.", which a
 * MambaModel saved without its head lacks. */
struct dm_weight_entry {
    const struct dm_named_tensor *tensor;
    const char *name;     /* the tensor's, without wrappers; of a GGUF file: its parameter's */
    const char *path;     /* of the file that holds it */
    float (*back)(float); /* makes the parameter's values of the file's; NULL: they are */
    bool used;            /* the caller's: a weight of the model is made of it */
};

struct dm_weight_file { /* one of them is open */
    struct dm_safetensors safetensors;
    struct dm_torch_bin bin;
    struct dm_gguf_weights gguf;
};

struct dm_weight_files {
    char *path; /* the file that was found first */
    struct dm_weight_file *shards;
    size_t n_shard;
    struct dm_weight_entry *entries; /* sorted by name; names are distinct */
    size_t n_entry;
    bool copy; /* files are read into memory, not mapped */
};

/* Opens model.safetensors; else the shards that model.safetensors.index.json names (plain file
 * names, each tensor in the file that its map says, and no other tensor); else pytorch_model.bin;
 * else the shards of pytorch_model.bin.index.json. With `copy`, all of them are read into
 * memory. */
dm_status dm_weight_files_open(struct dm_weight_files *files, const char *directory, bool copy,
                               dm_error *error);
/* Opens a GGUF file, and where it is the first of a split one the others beside it; and gives the
 * model's sizes. */
dm_status dm_weight_files_open_gguf(struct dm_weight_files *files, const char *path, bool copy,
                                    struct dm_model_config *config, dm_error *error);
/* The same of adapter_model.safetensors, else adapter_model.bin. */
dm_status dm_weight_files_open_adapter(struct dm_weight_files *files, const char *directory,
                                       bool copy, dm_error *error);
/* Gathers the tensors of all open files as entries. */
dm_status dm_weight_files_list(struct dm_weight_files *files, dm_error *error);
void dm_weight_files_close(struct dm_weight_files *files); /* a zeroed struct is fine */
/* NULL: no tensor has that name. */
struct dm_weight_entry *dm_weight_files_find(const struct dm_weight_files *files, const char *name);
/* The type of a weight that is used as it is stored; DM_DTYPE_AUTO: it must be converted, or is in
 * blocks. */
dm_dtype dm_weight_entry_dtype(const struct dm_weight_entry *entry);
/* All its elements as float32. A type that is no F32, BF16, F16, F64 or of blocks, and a finite F64 that
 * no float32 holds, are DM_ERROR_UNSUPPORTED. */
dm_status dm_weight_entry_read(const struct dm_weight_entry *entry, float *out, dm_error *error);
/* DM_ERROR_IO where a mapped file has changed since it was opened. */
dm_status dm_weight_files_check(const struct dm_weight_files *files, dm_error *error);
void dm_weight_files_forget_pages(const struct dm_weight_files *files);

#endif
