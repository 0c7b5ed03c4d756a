/* The keys of a GGUF file that hold its tokenizer. */
#ifndef DM_GGUF_GGUF_VOCABULARY_H
#define DM_GGUF_GGUF_VOCABULARY_H

#include "base/status.h"
#include "gguf/gguf_bytes.h"

/* From the directory's tokenizer.json: the model "gpt2" with a token for each of the `n_row` rows of
 * the embedding (those that the tokenizer lacks are unused, [PAD<id>]), their types and the merges.
 * Special tokens come from tokenizer_config.json, else config.json; the end of a text is at last
 * <|endoftext|>, as for this program. Without a tokenizer.json, the model "none".
 *
 * llama.cpp takes the id 11 where a file names no end of text. It does not bring text to NFC. */
dm_status dm_gguf_put_vocabulary(struct dm_gguf_bytes *keys, const char *directory, size_t n_row,
                                 dm_error *error);

#endif
