/* The keys of a GGUF file that name special tokens, and those that hold chat templates. */
#ifndef DM_GGUF_GGUF_SPECIALS_H
#define DM_GGUF_GGUF_SPECIALS_H

#include "gguf/gguf_bytes.h"
#include "text/tokenizer.h"

/* Of the directory that `tokenizer` was read from. The tokens that end a text are those of
 * dm_stop_tokens_read, as llama.cpp's ends of text, of turn and of message: more than these three
 * are DM_ERROR_UNSUPPORTED. Other special tokens come from tokenizer_config.json, else by their
 * numbers from generation_config.json or config.json. What is no row of the embedding (`n_row`) is
 * not named. The chat template is chat_template.jinja, else tokenizer_config.json's.
 *
 * llama.cpp takes the id 11 where a file names no end of text, and stops too at tokens that it
 * knows by their text, <|endoftext|> and <|im_end|> among them. */
dm_status dm_gguf_put_specials(struct dm_gguf_bytes *keys, const char *directory,
                               const struct dm_tokenizer *tokenizer, size_t n_row, dm_error *error);

#endif
