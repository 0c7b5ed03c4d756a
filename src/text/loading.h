/* Filling a tokenizer from its files: what the readers of their sections share. */
#ifndef DM_TEXT_LOADING_H
#define DM_TEXT_LOADING_H

#include "base/json.h"
#include "text/tokenizer.h"

struct dm_loading {
    const char *path; /* heads messages */
    struct dm_tokenizer *tokenizer;
    size_t n_pool, n_pooled; /* bytes of the pool: in all, and in use */
    size_t n_vocabulary;     /* entries, */
    size_t n_added;          /* and added tokens */
    dm_error *error;
};

dm_status dm_loading_fail_memory(const struct dm_loading *loading);
/* The next part of the way to ids, and of the way back. */
dm_status dm_loading_part(struct dm_loading *loading, dm_part_feed feed, struct dm_part **part);
dm_status dm_loading_decoder(struct dm_loading *loading, dm_part_decode decode,
                             struct dm_decode_part **part);
/* A copy of a text; an empty one is a copy too. */
dm_status dm_loading_copy(const struct dm_loading *loading, const char *text, size_t n_byte,
                          char **copy, size_t *n_copy);

/* ---- Vocabularies ---- */

/* Counts an id and its text into the sizes to allocate: 0 <= id < DM_MAX_VOCABULARY. */
dm_status dm_loading_count(struct dm_loading *loading, int32_t id, size_t n_text);
/* The same of a file that may say anything: `key` names the place. */
dm_status dm_loading_count_json(struct dm_loading *loading, const char *key, const json_t *id,
                                const char *text, size_t n_text);
/* Allocates what was counted, for so many merges. */
dm_status dm_loading_open(struct dm_loading *loading, size_t n_merge);
/* Gives a free id its text, in the vocabulary or among the added tokens. */
dm_status dm_loading_put(struct dm_loading *loading, struct dm_string_table *table, int32_t id,
                         const char *text, size_t n_text);

/* Whether text ends up in the byte alphabet, all of whose characters that UTF-8 uses the vocabulary has. */
bool dm_loading_covers_bytes(const struct dm_tokenizer *tokenizer);

/* ---- The sections of a tokenizer.json; NULL and null are sections that are not there ---- */

/* The type that a part names; NULL: none. */
const char *dm_loading_type(const json_t *part);
bool dm_loading_is_absent(const json_t *value);
/* `section` of the type of `part`, or what it says, is not supported. */
dm_status dm_loading_refuse(const struct dm_loading *loading, const char *section,
                            const json_t *part, const char *why);

/* A kind of part, of those that a section may name. */
struct dm_part_kind {
    const char *type;
    dm_status (*load)(struct dm_loading *loading, const json_t *part);
};
/* Loads a part of a section by the table of its kinds, or each of the parts of a Sequence, which are
 * listed under `key`. */
dm_status dm_loading_section(struct dm_loading *loading, const json_t *part, const char *section,
                             const char *key, const struct dm_part_kind *kinds, size_t n_kind);
/* part[key], a string that is not empty, copied. */
dm_status dm_loading_text(const struct dm_loading *loading, const char *section, const json_t *part,
                          const char *key, char **text, size_t *n_text);
/* The pattern {"String": ..} of a Replace, copied. */
dm_status dm_loading_literal(const struct dm_loading *loading, const char *section,
                             const json_t *part, char **text, size_t *n_text);

/* Its "content", which may be empty. */
dm_status dm_loading_content(const struct dm_loading *loading, const char *section,
                             const json_t *part, char **text, size_t *n_text);

dm_status dm_load_normalizers(struct dm_loading *loading, const json_t *section);
dm_status dm_load_pre_tokenizers(struct dm_loading *loading, const json_t *section);
dm_status dm_load_decoders(struct dm_loading *loading, const json_t *section);
/* After the vocabulary. */
dm_status dm_load_post_processors(struct dm_loading *loading, const json_t *section);
/* The vocabulary and the merges: checked and counted, then filled in. */
dm_status dm_load_model_settings(struct dm_loading *loading, const json_t *model);
dm_status dm_load_model_count(struct dm_loading *loading, const json_t *model);
dm_status dm_load_model(struct dm_loading *loading, const json_t *model);
/* The added tokens: checked and counted, then filled in (after the vocabulary). */
dm_status dm_load_added_count(struct dm_loading *loading, const json_t *added);
dm_status dm_load_added(struct dm_loading *loading, const json_t *added);

/* The message of a SentencePiece model, whole; its settings come from tokenizer_config.json (or
 * NULL). */
dm_status dm_load_sentencepiece(struct dm_loading *loading, const void *bytes, size_t n_byte,
                                const json_t *settings);

#endif
