/* A checkpoint as one GGUF file. */
#ifndef DM_GGUF_GGUF_EXPORT_H
#define DM_GGUF_GGUF_EXPORT_H

#include "base/status.h"

/* See dm_checkpoint_export_gguf in decimamba.h. What the file holds is what llama.cpp's
 * convert_hf_to_gguf.py (class MambaModel) writes.
 *
 * llama.cpp takes one epsilon for all norms, norm_epsilon; that of falcon-mamba's mixers is not
 * written. */
dm_status dm_gguf_export(const char *directory, const char *path, dm_dtype dtype, dm_error *error);

#endif
