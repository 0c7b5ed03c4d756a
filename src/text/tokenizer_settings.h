/* The parts of a tokenizer.json beside its vocabulary: which steps a text goes through. */
#ifndef DM_TEXT_TOKENIZER_SETTINGS_H
#define DM_TEXT_TOKENIZER_SETTINGS_H

#include "base/json.h"
#include "text/tokenizer.h"

/* Fills in `nfc`, `add_prefix_space` and `split_words`. A part that asks for what this library does
 * not do is DM_ERROR_UNSUPPORTED. `name` heads messages. */
dm_status dm_tokenizer_read_settings(const json_t *root, const char *name,
                                     struct dm_tokenizer *tokenizer, dm_error *error);

#endif
