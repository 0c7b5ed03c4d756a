/* What a GGUF file's keys say of special tokens and chat templates, as the JSON files of a model's
 * folder say it. */
#ifndef DM_BASE_GGUF_SETTINGS_H
#define DM_BASE_GGUF_SETTINGS_H

#include "base/gguf_file.h"
#include "base/json.h"

/* tokenizer_config.json or generation_config.json, a new object; NULL: `name` is another. Ids that no
 * token has are left out. */
dm_status dm_gguf_settings(const struct dm_gguf_file *gguf, const char *name, json_t **object,
                           dm_error *error);
/* Whether the file has one: "tokenizer.ggml.model" is there, and not "none". */
dm_status dm_gguf_has_tokenizer(const char *path, bool *has, dm_error *error);
/* A new JSON text; what is not UTF-8 is DM_ERROR_FORMAT, with `what` it is. */
dm_status dm_gguf_json_text(const struct dm_gguf_file *gguf, const char *what,
                            struct dm_gguf_text text, json_t **json, dm_error *error);

#endif
