/* A checkpoint as one GGUF file. */
#ifndef DM_GGUF_GGUF_EXPORT_H
#define DM_GGUF_GGUF_EXPORT_H

#include "base/status.h"

/* See dm_checkpoint_export_gguf in decimamba.h. What the file holds is what llama.cpp's
 * convert_hf_to_gguf.py (class MambaModel) writes.
 *
 * llama.cpp takes one epsilon for all norms, rms_norm_eps. Where falcon-mamba's mixers have
 * another, x_proj is scaled, as its three products are normed: x / sqrt(mean(x^2) + e) is the same
 * as c x / sqrt(mean((c x)^2) + c^2 e), and c^2 is chosen to make c^2 e rms_norm_eps. It is then
 * written in float32, so that it is rounded no more than it was. */
dm_status dm_gguf_export(const char *directory, const char *path, dm_dtype dtype, dm_error *error);

#endif
