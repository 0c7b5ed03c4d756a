/* Decoding id by id: the text of each token runs through the decoders of the tokenizer, each of which
 * gives on what no later token can change. What is given is always whole UTF-8 characters. */
#ifndef DM_TEXT_DECODER_H
#define DM_TEXT_DECODER_H

#include "base/utf8.h"
#include "text/grow.h"
#include "text/tokenizer.h"

struct dm_decode_state {
    struct dm_utf8_stream stream; /* of ByteLevel */
    size_t begin, end;            /* what the stage holds of its buffer */
    size_t n_cut, n_waiting; /* Strip: cut at the start; seen, and perhaps to be cut at the end */
    bool past_start;         /* of a token; for those that look at the first alone, of all */
    bool past_first;         /* a token was seen */
};

/* All that an id changes: what a failed call puts back. Buffers only grow meanwhile. */
struct dm_decoder_state {
    struct dm_decode_state stages[DM_MAX_PART];
};

struct dm_decoder {
    const struct dm_tokenizer *tokenizer;
    bool keep_special;
    struct dm_decoder_state state;
    struct dm_bytes buffers[DM_MAX_PART];
    struct dm_bytes scratch[DM_MAX_PART];
    struct dm_bytes output; /* what was completed, since it was emptied */
    dm_error *error;        /* of the call under way */
};

dm_status dm_decoder_create(const struct dm_tokenizer *tokenizer, bool keep_special,
                            struct dm_decoder **decoder, dm_error *error);
void dm_decoder_release(struct dm_decoder *decoder); /* NULL is fine */
/* On error the decoder is as it was. */
dm_status dm_decoder_next(struct dm_decoder *decoder, int32_t id, const char **text, size_t *n_byte,
                          dm_error *error);
/* The decoder is ready for another text then. */
dm_status dm_decoder_end(struct dm_decoder *decoder, const char **text, size_t *n_byte,
                         dm_error *error);

/* ---- For stages ---- */

dm_status dm_decode_fail_memory(const struct dm_decoder *decoder);
/* To the next stage: a piece of a token, */
dm_status dm_decode_give(struct dm_decoder *decoder, size_t stage, const char *text, size_t n_byte,
                         bool last);
/* and the end of all. */
dm_status dm_decode_give_end(struct dm_decoder *decoder, size_t stage);
dm_status dm_decode_hold(struct dm_decoder *decoder, size_t stage, const char *text, size_t n_byte);
const char *dm_decode_held(const struct dm_decoder *decoder, size_t stage, size_t *n_byte);

#endif
