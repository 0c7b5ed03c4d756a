/* Patterns that split text, of a tokenizer.json: Oniguruma's syntax, matched by PCRE2. A file is not
 * trusted: what PCRE2 might match otherwise is refused, and a match has a limit of steps. */
#ifndef DM_TEXT_PATTERN_H
#define DM_TEXT_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "text/grow.h"

/* A compiled pattern: immutable, shared between threads. */
struct dm_pattern {
    struct pcre2_real_code_8 *code;
};

/* `name` heads messages. Refused by name (DM_ERROR_UNSUPPORTED): what is not in the list of
 * pattern_syntax.c, and what can match nothing at all. */
dm_status dm_pattern_open(struct dm_pattern *pattern, const char *text, size_t n_byte,
                          const char *name, dm_error *error);
void dm_pattern_close(struct dm_pattern *pattern); /* a zeroed struct is fine */

/* GPT-2's words, those of the part ByteLevel. */
extern const char dm_pattern_gpt2[];

/* What one caller needs for matching; starts zeroed. It fits any pattern. */
struct dm_pattern_scan {
    struct pcre2_real_match_data_8 *match;
    struct pcre2_real_match_context_8 *limits;
};

dm_status dm_pattern_scan_open(struct dm_pattern_scan *scan, dm_error *error);
void dm_pattern_scan_close(struct dm_pattern_scan *scan);
/* The first match from text[begin] on: `*at` to `*end`, where the text is valid UTF-8. Where there is
 * none, both are `n_byte`; where the text is `open` and more of it may make or change a match, both
 * are where that begins. */
dm_status dm_pattern_find(struct dm_pattern_scan *scan, const struct dm_pattern *pattern,
                          const char *text, size_t n_byte, bool open, size_t begin, size_t *at,
                          size_t *end, dm_error *error);

/* Writes the pattern in PCRE2's syntax, and a NUL. */
dm_status dm_pattern_translate(const char *text, size_t n_byte, const char *name,
                               struct dm_bytes *output, dm_error *error);

#endif
