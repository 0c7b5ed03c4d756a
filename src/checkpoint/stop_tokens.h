/* Token ids that a model's JSON files name, and which of them end a text. */
#ifndef DM_CHECKPOINT_STOP_TOKENS_H
#define DM_CHECKPOINT_STOP_TOKENS_H

#include <stdint.h>

#include "base/json.h"

enum { DM_MAX_TOKEN_LIST = 32 };

struct dm_token_list {
    size_t n;
    int32_t ids[DM_MAX_TOKEN_LIST]; /* all different */
};

/* object[key]: a token id, or a list of at most DM_MAX_TOKEN_LIST. What is missing, null or negative
 * names none. */
dm_status dm_token_list_get(const json_t *object, const char *key, const char *name,
                            struct dm_token_list *tokens, dm_error *error);

/* The tokens that end what the model in `directory` writes: "eos_token_id" of its
 * generation_config.json, else of its config.json, else `end`, the tokenizer's (-1: none). */
dm_status dm_stop_tokens_read(const char *directory, int32_t end, struct dm_token_list *stops,
                              dm_error *error);

#endif
