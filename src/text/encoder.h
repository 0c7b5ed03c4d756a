/* Encoding piece by piece. Text runs through stages, each of which gives on what nothing that follows
 * can change, and holds the rest:
 *     UTF-8 and added tokens of the raw text -> NFC -> added tokens of the normal text -> words
 * What lies between two added tokens is a section: the stages after them see each by itself. */
#ifndef DM_TEXT_ENCODER_H
#define DM_TEXT_ENCODER_H

#include "text/added_tokens.h"
#include "text/bpe.h"
#include "text/grow.h"
#include "text/normalize.h"
#include "text/pretokenize.h"
#include "text/tokenizer.h"

enum dm_encoder_stage {
    DM_STAGE_RAW,
    DM_STAGE_NFC,
    DM_STAGE_NORMAL,
    DM_STAGE_WORDS,
    DM_N_STAGE,
};

/* Bytes begin .. end of a stage's buffer wait. It looks at them again when there are `enough`, twice
 * as many as when it last could not go on: so a word of any length, in pieces of any, takes linear
 * time. */
struct dm_held {
    size_t begin, end, enough;
};

/* All that a piece of text changes: what a failed call puts back. Buffers only grow meanwhile. */
struct dm_encoder_state {
    struct dm_held held[DM_N_STAGE];
    struct dm_added_scan scans[DM_N_STAGE]; /* of RAW and NORMAL, in what these hold */
    size_t given[DM_N_STAGE];               /* of the same text: so much was given on */
    size_t n_dropped;                       /* bytes of the text before those held by RAW */
    size_t n_valid;                         /* of those: checked to be UTF-8 */
    bool in_section;                        /* WORDS has begun one */
};

struct dm_encoder {
    const struct dm_tokenizer *tokenizer;
    struct dm_encoder_state state;
    struct dm_bytes buffers[DM_N_STAGE];
    struct dm_normalizer normalizer; /* scratch, as what follows */
    struct dm_word_scan words;
    struct dm_bpe_scratch bpe;
    struct dm_ids ids; /* what was settled, since the caller emptied it */
    dm_error *error;   /* of the call under way */
};

/* Zeroed, it may be closed. */
dm_status dm_encoder_open(struct dm_encoder *encoder, const struct dm_tokenizer *tokenizer,
                          dm_error *error);
void dm_encoder_close(struct dm_encoder *encoder);
/* Appends to encoder->ids what becomes settled; all of it at the `last` piece, after which the
 * encoder is ready for another text. On error it is as it was, but for ids to be cut off again. */
dm_status dm_encoder_feed(struct dm_encoder *encoder, const char *text, size_t n_byte, bool last,
                          dm_error *error);

#endif
