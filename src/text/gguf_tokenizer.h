/* The tokenizer of a GGUF file, as the file that would have it in a model's folder. */
#ifndef DM_TEXT_GGUF_TOKENIZER_H
#define DM_TEXT_GGUF_TOKENIZER_H

#include "base/gguf_file.h"
#include "base/json.h"
#include "text/grow.h"

struct dm_gguf_tokenizer {  /* one of them; none: the file has no tokenizer */
    json_t *json;           /* what a tokenizer.json holds: BPE */
    struct dm_bytes pieces; /* what a tokenizer.model holds: SentencePiece */
};

/* Of "tokenizer.ggml.model" gpt2 or llama; another is DM_ERROR_UNSUPPORTED, and so is a name in
 * "tokenizer.ggml.pre" that gguf_splits.h does not know. Where that key is missing, text is split as
 * llama.cpp does it then, with a warning. */
dm_status dm_gguf_tokenizer_read(const struct dm_gguf_file *gguf,
                                 struct dm_gguf_tokenizer *tokenizer, dm_error *error);
void dm_gguf_tokenizer_close(struct dm_gguf_tokenizer *tokenizer); /* a zeroed struct is fine */

/* SentencePiece's types of pieces, which are llama.cpp's of tokens too. */
enum dm_piece_type {
    DM_PIECE_NORMAL = 1,
    DM_PIECE_UNKNOWN = 2,
    DM_PIECE_CONTROL = 3,
    DM_PIECE_USER = 4,
    DM_PIECE_UNUSED = 5,
    DM_PIECE_BYTE = 6
};

/* The tokens of a file. */
struct dm_gguf_vocabulary {
    const struct dm_gguf_file *gguf;
    const struct dm_gguf_value *texts, *types; /* types NULL: all are normal */
    size_t n;                                  /* unused ones at the end do not count */
};
static inline enum dm_piece_type dm_gguf_piece_type(const struct dm_gguf_vocabulary *vocabulary,
                                                    size_t id) {
    return vocabulary->types ? (enum dm_piece_type)dm_gguf_whole(vocabulary->types, id)
                             : DM_PIECE_NORMAL;
}

/* Appends the message of a SentencePiece model. */
dm_status dm_gguf_write_pieces(const struct dm_gguf_vocabulary *vocabulary, struct dm_bytes *model,
                               dm_error *error);

#endif
