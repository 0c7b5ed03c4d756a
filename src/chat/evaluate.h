/* Expressions of a chat template. */
#ifndef DM_CHAT_EVALUATE_H
#define DM_CHAT_EVALUATE_H

#include "chat/syntax.h"
#include "chat/values.h"

/* The value of an expression; NULL: a fault. */
json_t *dm_evaluate(struct dm_evaluation *evaluation, const struct dm_node *node);

#endif
