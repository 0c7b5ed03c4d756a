/* The byte-level BPE tokenizer of a tokenizer.json. Text goes to ids in these steps:
 *     added tokens that match the raw text -> NFC -> added tokens that match the normal text
 *     -> words -> bytes -> merges
 * and back by the bytes of each token. Everything follows Hugging Face `tokenizers` 0.23.3. */
#ifndef DM_TEXT_TOKENIZER_H
#define DM_TEXT_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "text/added_tokens.h"
#include "text/bpe.h"
#include "text/pretokenize.h"
#include "text/string_table.h"

struct dm_token {
    const char *bytes; /* what it decodes to; NULL: no token has this id */
    size_t n_byte;
    bool byte_level; /* its text is in the byte alphabet, and decoded from it */
    bool added, special;
};

/* Immutable once read. */
struct dm_tokenizer {
    struct dm_token *tokens; /* [n_token], by id */
    size_t n_token;
    size_t longest;                 /* bytes that a token decodes to, at most */
    char *pool;                     /* the texts and bytes of the tokens */
    struct dm_string_table by_text; /* ids of the stored texts */
    struct dm_added_tokens raw, normal;
    bool nfc, add_prefix_space, split_words;
    struct dm_pretokenizer pretokenizer; /* when split_words */
    struct dm_bpe bpe;
    int32_t end; /* the token that ends a text; -1: none */
};

/* Ids are below this. */
enum { DM_MAX_VOCABULARY = 1 << 20 };

/* `path`: a tokenizer.json, or a directory that holds one; tokenizer_config.json and
 * special_tokens_map.json are looked for beside it, for the token that ends a text. */
dm_status dm_tokenizer_read(const char *path, struct dm_tokenizer **tokenizer, dm_error *error);
void dm_tokenizer_release(struct dm_tokenizer *tokenizer); /* NULL is fine */
/* The id whose stored text is exactly this, or -1. */
int32_t dm_tokenizer_id_of(const struct dm_tokenizer *tokenizer, const char *text, size_t n_byte);
/* The id of the token settings[key], which is a string or an object with its "content"; -1: none
 * that the vocabulary has. */
int32_t dm_tokenizer_named(const struct dm_tokenizer *tokenizer, const json_t *settings,
                           const char *key);

/* `*ids` is allocated. Text that is not UTF-8 is DM_ERROR_FORMAT. */
dm_status dm_tokenizer_to_ids(const struct dm_tokenizer *tokenizer, const char *text, size_t n_byte,
                              int32_t **ids, size_t *n_id, dm_error *error);
/* `*text` is allocated and ends with a NUL. An id outside the vocabulary is DM_ERROR_ARGUMENT; one
 * inside it that no token has gives nothing. */
dm_status dm_tokenizer_to_text(const struct dm_tokenizer *tokenizer, const int32_t *ids,
                               size_t n_id, bool keep_special, char **text, size_t *n_byte,
                               dm_error *error);

#endif
