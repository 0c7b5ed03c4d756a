/* The parts that a tokenizer is made of, as those of Hugging Face `tokenizers`: what text goes through
 * to become words, and what tokens go through to become text. A family of parts has a table of the
 * kinds that a file may name: normalizers.c, pre_tokenizers.c, post_processors.c, decoders.c. */
#ifndef DM_TEXT_PART_H
#define DM_TEXT_PART_H

#include <stdbool.h>
#include <stddef.h>

#include "text/added_tokens.h"
#include "text/pattern.h"

enum { DM_MAX_PART = 32 }; /* of a tokenizer, each way */

struct dm_encoder;
struct dm_decoder;

/* Takes a piece of a section, and whether it is the section's last; one may be empty. Gives on, with
 * dm_stage_give, what nothing that follows can change, and holds the rest. */
typedef dm_status (*dm_part_feed)(struct dm_encoder *encoder, size_t stage, const char *text,
                                  size_t n_byte, bool last);

enum dm_prepend {
    DM_PREPEND_ALWAYS,
    DM_PREPEND_UNLESS_THERE, /* to what does not begin with it */
    DM_PREPEND_AT_START,     /* the same, where the whole text begins */
};

/* What becomes of the matches of a pattern (in tokenizers: SplitDelimiterBehavior). */
enum dm_split_behavior {
    DM_SPLIT_REMOVED,
    DM_SPLIT_ISOLATED,
    DM_SPLIT_MERGED_WITH_PREVIOUS,
    DM_SPLIT_MERGED_WITH_NEXT,
    DM_SPLIT_CONTIGUOUS,
};

/* Immutable. `text` and `other` are owned. */
struct dm_part {
    dm_part_feed feed;
    const struct dm_added_tokens *added; /* that dm_feed_added looks for */
    char *text;                          /* that is put before, or replaced; or a pattern */
    size_t n_text;
    char *other; /* that takes its place */
    size_t n_other;
    enum dm_prepend prepend;
    struct dm_pattern pattern;
    enum dm_split_behavior behavior;
    bool invert; /* what lies between the matches counts as the matches */
    bool idle;   /* ids are the same without it: nothing has to be held for it */
};

/* Between words they see all text; each is as in the table of its family. */
dm_status dm_feed_added(struct dm_encoder *encoder, size_t stage, const char *text, size_t n_byte,
                        bool last);
dm_status dm_feed_nfc(struct dm_encoder *encoder, size_t stage, const char *text, size_t n_byte,
                      bool last);
dm_status dm_feed_prepend(struct dm_encoder *encoder, size_t stage, const char *text, size_t n_byte,
                          bool last);
dm_status dm_feed_replace(struct dm_encoder *encoder, size_t stage, const char *text, size_t n_byte,
                          bool last);
dm_status dm_feed_split(struct dm_encoder *encoder, size_t stage, const char *text, size_t n_byte,
                        bool last);
dm_status dm_feed_alphabet(struct dm_encoder *encoder, size_t stage, const char *text,
                           size_t n_byte, bool last);

/* A part of the way back: takes a piece of a token, and whether it is the token's last. At the end of
 * all (`end`) there is no token, and the part gives what it held and passes the end on. */
typedef dm_status (*dm_part_decode)(struct dm_decoder *decoder, size_t stage, const char *text,
                                    size_t n_byte, bool last, bool end);

struct dm_decode_part {
    dm_part_decode decode;
    char *text, *other; /* owned */
    size_t n_text, n_other;
    size_t n_start, n_stop; /* Strip: so many `text`s at most, at either end of a token */
    bool first_only;        /* Strip: only of the first token that is not empty */
    bool drop_first;        /* Metaspace: `text` is dropped from the first token */
    bool by_character;      /* ByteFallback: a run is judged character by character */
};

dm_status dm_decode_byte_level(struct dm_decoder *decoder, size_t stage, const char *text,
                               size_t n_byte, bool last, bool end);
dm_status dm_decode_metaspace(struct dm_decoder *decoder, size_t stage, const char *text,
                              size_t n_byte, bool last, bool end);
dm_status dm_decode_byte_fallback(struct dm_decoder *decoder, size_t stage, const char *text,
                                  size_t n_byte, bool last, bool end);
dm_status dm_decode_fuse(struct dm_decoder *decoder, size_t stage, const char *text, size_t n_byte,
                         bool last, bool end);
dm_status dm_decode_replace(struct dm_decoder *decoder, size_t stage, const char *text,
                            size_t n_byte, bool last, bool end);
dm_status dm_decode_strip(struct dm_decoder *decoder, size_t stage, const char *text, size_t n_byte,
                          bool last, bool end);

#endif
