#ifndef DM_CHAT_RENDER_H
#define DM_CHAT_RENDER_H

#include "chat/syntax.h"

/* Runs a template with these variables; `name` heads messages. `*text` is allocated, with a zero behind
 * its end. An exception that the template raises is DM_ERROR_ARGUMENT. */
dm_status dm_render(const struct dm_node *body, const char *name, json_t *variables, char **text,
                    size_t *n_byte, dm_error *error);

#endif
