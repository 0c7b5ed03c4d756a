/* Encoding piece by piece. Text runs through stages, one for each part of the tokenizer and a last one
 * that merges; each gives on what nothing that follows can change, and holds the rest. What lies
 * between two added tokens is a section, and so is each word that a pre-tokenizer makes: the stages
 * after see it by itself. Pieces are whole characters. */
#ifndef DM_TEXT_ENCODER_H
#define DM_TEXT_ENCODER_H

#include "text/added_tokens.h"
#include "text/bpe.h"
#include "text/grow.h"
#include "text/normalize.h"
#include "text/pattern.h"
#include "text/tokenizer.h"

/* Bytes begin .. end of a stage's buffer wait. It looks at them again when there are `enough`, twice
 * as many as when it last could not go on: so a word of any length, in pieces of any, takes linear
 * time. */
struct dm_held {
    size_t begin, end, enough;
};

struct dm_stage_state {
    struct dm_held held;
    struct dm_added_scan scan; /* of dm_feed_added, in what is held, */
    size_t given;              /* of which so much was given on */
    bool begun;                /* the section has text */
    bool used;                 /* so had one before it */
    bool in_gap, was_match;    /* of dm_feed_split: the item under way; the last one's kind */
};

/* All that a piece of text changes: what a failed call puts back. Buffers only grow meanwhile. */
struct dm_encoder_state {
    struct dm_stage_state stages[DM_MAX_PART + 1];
    size_t n_read; /* bytes of the text, whole characters */
    char unfinished[4];
    size_t n_unfinished; /* bytes of a character to come */
    bool past_start;     /* something before what is to come has become no word */
};

struct dm_encoder {
    const struct dm_part *parts;
    size_t n_part;
    dm_part_feed sink;         /* the last stage */
    const struct dm_bpe *bpe;  /* of dm_feed_words */
    struct dm_bytes collected; /* of dm_feed_collected */
    struct dm_encoder_state state;
    struct dm_bytes buffers[DM_MAX_PART + 1];
    struct dm_normalizer normalizer; /* scratch, as what follows */
    struct dm_pattern_scan scan;
    struct dm_bpe_scratch scratch;
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
/* What the tokenizer's normalizers make of a text, in `*normal`, which is allocated. */
dm_status dm_encoder_normalize(const struct dm_tokenizer *tokenizer, const char *text,
                               size_t n_byte, char **normal, size_t *n_normal, dm_error *error);

/* ---- For stages ---- */

dm_status dm_stage_fail_memory(const struct dm_encoder *encoder);
/* To the next stage. */
dm_status dm_stage_give(struct dm_encoder *encoder, size_t stage, const char *text, size_t n_byte,
                        bool last);
dm_status dm_stage_hold(struct dm_encoder *encoder, size_t stage, const char *text, size_t n_byte);
const char *dm_stage_text(const struct dm_encoder *encoder, size_t stage, size_t *n_byte);
/* Whether it is time to look at what is held. */
bool dm_stage_has_enough(const struct dm_encoder *encoder, size_t stage, bool last);
/* Lets the first bytes go, once a look has gone as far as it can. */
void dm_stage_let_go(struct dm_encoder *encoder, size_t stage, size_t n_byte);

#endif
