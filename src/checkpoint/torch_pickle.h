/* The pickle inside pytorch_model.bin, run by a machine that can do nothing but list tensors. */
#ifndef DM_CHECKPOINT_TORCH_PICKLE_H
#define DM_CHECKPOINT_TORCH_PICKLE_H

#include "checkpoint/pickle_machine.h"
#include "checkpoint/safetensors.h"

/* A view of a storage, in elements. Not checked against the storage yet. */
struct dm_pickle_tensor {
    struct dm_pickle_text name, storage; /* the storage is the zip's entry data/<storage> */
    enum dm_element element;
    size_t n_storage, offset; /* elements of the storage; the first of this tensor */
    size_t n_dim, shape[DM_TENSOR_MAX_DIM], stride[DM_TENSOR_MAX_DIM];
};

/* Lists the tensors of a pickled dict (protocol 2). It knows the opcodes that torch.save of a state
 * dict writes, and collections.OrderedDict, torch._utils._rebuild_tensor_v2, _rebuild_parameter and
 * _rebuild_parameter_with_state, and torch.*Storage; anything else is an error that names it, and
 * nothing is ever called. Messages begin with `path`.
 * `*tensors` is allocated, [*n_tensor]; its texts point into `bytes`. */
dm_status dm_torch_pickle_read(const unsigned char *bytes, size_t n_byte, const char *path,
                               struct dm_pickle_tensor **tensors, size_t *n_tensor,
                               dm_error *error);

#endif
