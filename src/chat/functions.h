/* What expressions call. */
#ifndef DM_CHAT_FUNCTIONS_H
#define DM_CHAT_FUNCTIONS_H

#include "chat/values.h"

/* What stands behind |, behind `is`, and a call, of a name or a method (`of`). */
json_t *dm_filter(struct dm_evaluation *evaluation, const char *name, json_t *of,
                  const struct dm_arguments *arguments);
json_t *dm_test(struct dm_evaluation *evaluation, const char *name, const json_t *of,
                const struct dm_arguments *arguments);
json_t *dm_method(struct dm_evaluation *evaluation, const char *name, json_t *of,
                  const struct dm_arguments *arguments);
json_t *dm_function(struct dm_evaluation *evaluation, const char *name,
                    const struct dm_arguments *arguments);

bool dm_is_function(const char *name);

#endif
