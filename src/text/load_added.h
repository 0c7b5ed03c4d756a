/* The added tokens of a tokenizer.json. */
#ifndef DM_TEXT_LOAD_ADDED_H
#define DM_TEXT_LOAD_ADDED_H

#include "text/loading.h"

/* They are checked and counted, then filled in (after the vocabulary). */
dm_status dm_loading_count_added(struct dm_loading *loading);
dm_status dm_loading_added(struct dm_loading *loading);

#endif
