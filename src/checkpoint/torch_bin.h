/* pytorch_model.bin: a zip of a pickle and raw storages, as torch.save writes it. */
#ifndef DM_CHECKPOINT_TORCH_BIN_H
#define DM_CHECKPOINT_TORCH_BIN_H

#include "checkpoint/safetensors.h"

/* The pickle is run by a machine that knows only what torch.save of a state dict writes
 * (torch._utils._rebuild_tensor_v2, _rebuild_parameter and _rebuild_parameter_with_state,
 * collections.OrderedDict, torch.*Storage, persistent ids); it refuses everything else and never
 * calls anything. Tensors may share a storage, with offsets and strides; `data` is contiguous, in
 * the mapped file where the zip stores the bytes uncompressed, else in a copy. Names and copies
 * belong to the struct. */
struct dm_torch_bin {
    struct dm_mapped_file file;
    struct dm_named_tensor *tensors;
    size_t n_tensor;
    char **names;
    void **copies;
    size_t n_copy;
};

dm_status dm_torch_bin_open(struct dm_torch_bin *bin, const char *path, dm_error *error);
/* The same, but all of it is read into memory. */
dm_status dm_torch_bin_read(struct dm_torch_bin *bin, const char *path, dm_error *error);
void dm_torch_bin_close(struct dm_torch_bin *bin); /* a zeroed struct is fine */

#endif
