/* Splitting text into the words that BPE works on: the pattern of GPT-2's byte-level tokenizer, by
 * PCRE2. */
#ifndef DM_TEXT_PRETOKENIZE_H
#define DM_TEXT_PRETOKENIZE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

/* The compiled pattern: immutable, shared between threads. */
struct dm_pretokenizer {
    struct pcre2_real_code_8 *code;
};

dm_status dm_pretokenizer_open(struct dm_pretokenizer *pretokenizer, dm_error *error);
void dm_pretokenizer_close(struct dm_pretokenizer *pretokenizer); /* a zeroed struct is fine */

/* What one caller needs for matching. */
struct dm_word_scan {
    struct pcre2_real_match_data_8 *match;
};

dm_status dm_word_scan_open(struct dm_word_scan *scan, const struct dm_pretokenizer *pretokenizer,
                            dm_error *error);
void dm_word_scan_close(struct dm_word_scan *scan);
/* The end of the word that begins at `begin` < n_byte of the valid UTF-8 text. Words cover it. Where
 * the text is `open`, more of it may follow: `*end` is `begin` while that could change the word. */
dm_status dm_word_scan_next(struct dm_word_scan *scan, const struct dm_pretokenizer *pretokenizer,
                            const char *text, size_t n_byte, bool open, size_t begin, size_t *end,
                            dm_error *error);

#endif
