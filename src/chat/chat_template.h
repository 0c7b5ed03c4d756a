/* A model's chat template: how messages become the text that the model was tuned on. Templates are
 * Jinja, of which this knows what chat templates use; the rest is refused by name. */
#ifndef DM_CHAT_CHAT_TEMPLATE_H
#define DM_CHAT_CHAT_TEMPLATE_H

#include "chat/syntax.h"

struct dm_chat_template {
    char *name; /* heads messages: the file */
    struct dm_node *body, *nodes;
    json_t *tokens; /* bos_token and other special tokens, as variables */
};

/* Of the model in `directory`: chat_template.jinja, else "chat_template" of tokenizer_config.json (of
 * several the one named "default"). A model without one is DM_ERROR_UNSUPPORTED. */
dm_status dm_chat_template_read(const char *directory, struct dm_chat_template **result,
                                dm_error *error);
/* Of a source in memory, n_byte of it; `name` heads messages, `tokens` are the variables that name
 * special tokens. */
dm_status dm_chat_template_parse(const char *source, size_t n_byte, const char *name,
                                 json_t *tokens, struct dm_chat_template **result, dm_error *error);
/* As transformers' apply_chat_template: `messages` is a list of objects. `*text` is allocated. */
dm_status dm_chat_template_run(const struct dm_chat_template *chat, json_t *messages,
                               bool add_generation_prompt, char **text, size_t *n_byte,
                               dm_error *error);
void dm_chat_template_release(struct dm_chat_template *chat);

#endif
