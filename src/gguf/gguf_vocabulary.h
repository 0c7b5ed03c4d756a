/* The keys of a GGUF file that hold its tokenizer. */
#ifndef DM_GGUF_GGUF_VOCABULARY_H
#define DM_GGUF_GGUF_VOCABULARY_H

#include "base/status.h"
#include "gguf/gguf_bytes.h"

/* From the directory's tokenizer.json (or the GGUF file's tokenizer): the model "gpt2" with a token
 * for each of the `n_row` rows of the embedding (those that the tokenizer lacks are unused,
 * [PAD<id>]), their types and the merges, and llama.cpp's name for the way to split text
 * (gguf_split.h). From a tokenizer.model: the model "llama",
 * with the scores in the merges' place. Special tokens are those of gguf_specials.h. Without either
 * file, the model "none".
 *
 * llama.cpp does not bring text to NFC, which is a warning; ways to split text that it has no name
 * for, and flags of added tokens that it has no place for, are DM_ERROR_UNSUPPORTED. */
dm_status dm_gguf_put_vocabulary(struct dm_gguf_bytes *keys, const char *directory,
                                 const char *architecture, size_t n_row, dm_error *error);

#endif
