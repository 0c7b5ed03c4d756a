/* Token ids that a model's JSON files name. */
#ifndef DM_BASE_TOKEN_LIST_H
#define DM_BASE_TOKEN_LIST_H

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
/* Sets it as one number, as everyone reads it, or as a list; no tokens: nothing. false: memory is
 * short. */
bool dm_token_list_put(json_t *object, const char *key, const struct dm_token_list *tokens);

#endif
