/* Writing config.json and model.safetensors, from wherever the weights come. */
#ifndef DM_CHECKPOINT_MODEL_WRITER_H
#define DM_CHECKPOINT_MODEL_WRITER_H

#include "checkpoint/weight_writer.h"

/* Both files in transformers' dialect, into an existing directory: the matrices in `dtype` (not
 * DM_DTYPE_AUTO), the rest in float32. A finite weight that `dtype` cannot hold is
 * DM_ERROR_UNSUPPORTED. Holds a few blocks of weights at a time. */
dm_status dm_model_write(const char *directory, const struct dm_model_config *config,
                         dm_dtype dtype, const struct dm_weight_source *source, dm_error *error);

#endif
