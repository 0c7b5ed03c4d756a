/* A BPE tokenizer, of a tokenizer.json or a SentencePiece model. Text goes to ids in these steps:
 *     added tokens that match the raw text -> normalizers -> added tokens that match the normal text
 *     -> pre-tokenizers -> merges
 * and back by the text of each token, through decoders. Everything follows Hugging Face `tokenizers`
 * 0.23.3, or sentencepiece 0.2.3. */
#ifndef DM_TEXT_TOKENIZER_H
#define DM_TEXT_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "text/added_tokens.h"
#include "text/bpe.h"
#include "text/part.h"
#include "text/string_table.h"

struct dm_token {
    const char *text; /* that decoders begin with; NULL: no token has this id */
    size_t n_byte;
    char *own; /* where that is not the stored text; owned */
    bool added, special;
};

/* Immutable once read. */
struct dm_tokenizer {
    struct dm_token *tokens; /* [n_token], by id */
    size_t n_token;
    size_t longest;                    /* bytes of a token's text, at most */
    char *pool;                        /* the stored texts */
    struct dm_string_table added_only; /* added tokens that are not in the vocabulary */
    struct dm_added_tokens raw, normal;
    struct dm_part parts[DM_MAX_PART]; /* from raw text to words; parts[0] finds added tokens */
    size_t n_part, n_normalizer;       /* of those after the first */
    struct dm_bpe bpe;
    struct dm_decode_part decoders[DM_MAX_PART];
    size_t n_decoder;
    struct dm_ids before, after; /* what the template puts around a text */
    float *scores;               /* of a SentencePiece model's pieces, [n_token]; or NULL */
    int32_t end;                 /* the token that ends a text; -1: none */
};

/* Ids are below this. */
enum { DM_MAX_VOCABULARY = 1 << 20 };

/* `path`: a tokenizer.json, a tokenizer.model or a GGUF file, or a directory that holds one of
 * the first two (tokenizer.json goes first); tokenizer_config.json and special_tokens_map.json
 * are looked for beside it, for the token that ends a text. A file whose name has ".model" in it
 * is a SentencePiece model. */
dm_status dm_tokenizer_read(const char *path, struct dm_tokenizer **tokenizer, dm_error *error);
/* Where that file is, and the folder that it is in (a GGUF file again), both allocated; where
 * there is none, the place of tokenizer.json. */
dm_status dm_tokenizer_place(const char *path, char **folder, char **file, dm_error *error);
bool dm_tokenizer_is_model(const char *file);              /* by its name: a SentencePiece model */
void dm_tokenizer_release(struct dm_tokenizer *tokenizer); /* NULL is fine */
/* The id whose stored text is exactly this, or -1. */
int32_t dm_tokenizer_id_of(const struct dm_tokenizer *tokenizer, const char *text, size_t n_byte);
/* The text of the token settings[key], which is a string or an object with its "content"; borrowed.
 * NULL: there is none. */
json_t *dm_special_text(const json_t *settings, const char *key);
/* The id of that token; -1: none that the vocabulary has. */
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
