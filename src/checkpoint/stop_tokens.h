/* Which tokens end a text. */
#ifndef DM_CHECKPOINT_STOP_TOKENS_H
#define DM_CHECKPOINT_STOP_TOKENS_H

#include "base/token_list.h"

/* The tokens that end what the model in `directory` writes: "eos_token_id" of its
 * generation_config.json, else of its config.json, else `end`, the tokenizer's (-1: none). */
dm_status dm_stop_tokens_read(const char *directory, int32_t end, struct dm_token_list *stops,
                              dm_error *error);

#endif
