/* Tokens and their logits, as answers with log-probabilities show them. */
#ifndef DECIMAMBA_CLI_TOKEN_TEXTS_H
#define DECIMAMBA_CLI_TOKEN_TEXTS_H

#include <jansson.h>

#include "decimamba.h"

enum { most_top = 20 };
/* The ids below n_allowed of the n (at most most_top) largest logits, the largest first; equal ones by
 * id. Returns how many there are. */
size_t largest_logits(const float *logits, size_t n_allowed, size_t n, size_t top[most_top]);
/* The text of one token: U+FFFD for bytes that are a part of a character; null without a tokenizer. */
json_t *token_text_json(const dm_tokenizer *tokenizer, int32_t id);

#endif
