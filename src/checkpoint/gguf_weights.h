/* The weights of a GGUF file as a checkpoint's, by the tables of the kinds of layers. */
#ifndef DM_CHECKPOINT_GGUF_WEIGHTS_H
#define DM_CHECKPOINT_GGUF_WEIGHTS_H

#include "base/gguf_file.h"
#include "checkpoint/parameters.h"
#include "checkpoint/safetensors.h"

struct dm_gguf_weights {
    struct dm_gguf_file gguf;
    struct dm_named_tensor *tensors; /* [gguf.n_tensor], named as in the file */
    char (*names)[DM_MAX_NAME];      /* of the parameters that they are; of others, their own */
    float (**back)(float); /* what undoes GGUF's change of values; NULL: nothing to undo */
};

/* The sizes of a model from the keys of its (first) file; the vocabulary's from `embedding`, the
 * tensor. What an architecture cannot be run by any kind of layer is DM_ERROR_UNSUPPORTED. */
dm_status dm_gguf_config(const struct dm_gguf_file *gguf, const struct dm_gguf_entry *embedding,
                         bool has_head, struct dm_model_config *config, dm_error *error);
/* After that: names each tensor as its parameter. Where a shape is the parameter's but for sizes of 1
 * (or, of a vector, but for how it is folded), it becomes that. */
dm_status dm_gguf_weights_name(struct dm_gguf_weights *weights,
                               const struct dm_model_config *config, dm_error *error);
void dm_gguf_weights_close(struct dm_gguf_weights *weights); /* a zeroed struct is fine */

#endif
