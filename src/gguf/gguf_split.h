/* Under which name llama.cpp splits text into words as a tokenizer does. */
#ifndef DM_GGUF_GGUF_SPLIT_H
#define DM_GGUF_GGUF_SPLIT_H

#include "base/status.h"
#include "text/tokenizer.h"

/* `*name` of a tokenizer of a tokenizer.json; where llama.cpp has none for it, or would make other ids,
 * that is DM_ERROR_UNSUPPORTED, by what is in the way. `path` heads messages. */
dm_status dm_gguf_split_name(const struct dm_tokenizer *tokenizer, const char *path,
                             const char **name, dm_error *error);

#endif
