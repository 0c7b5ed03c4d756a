/* Decoding id by id; what is given is always whole UTF-8 characters. */
#ifndef DM_TEXT_DECODER_H
#define DM_TEXT_DECODER_H

#include "text/tokenizer.h"
#include "text/utf8.h"

struct dm_decoder {
    const struct dm_tokenizer *tokenizer;
    bool keep_special;
    struct dm_utf8_stream stream;
    char *output; /* room for what any token completes, and a NUL */
};

dm_status dm_decoder_create(const struct dm_tokenizer *tokenizer, bool keep_special,
                            struct dm_decoder **decoder, dm_error *error);
void dm_decoder_release(struct dm_decoder *decoder); /* NULL is fine */
dm_status dm_decoder_next(struct dm_decoder *decoder, int32_t id, const char **text, size_t *n_byte,
                          dm_error *error);
void dm_decoder_end(struct dm_decoder *decoder, const char **text, size_t *n_byte);

/* The bytes of an id, none for a special token unless `keep_special`. */
dm_status dm_token_bytes(const struct dm_tokenizer *tokenizer, int32_t id, bool keep_special,
                         const char **bytes, size_t *n_byte, dm_error *error);

#endif
