/* The haystack of the official pass-key prompts: the sentences of a text, row by row, each encoded
 * alone.
 *
 * A row is a line with its line feed. Its sentences are those of text/sentences.h; one of fewer
 * than 10 tokens is skipped. The rows are a ring: the first follows the last. */
#ifndef DECIMAMBA_EVALUATION_HAYSTACK_H
#define DECIMAMBA_EVALUATION_HAYSTACK_H

#include "decimamba.h"

struct haystack;

/* `text`, n_byte of UTF-8, comes from the file `name`, which messages begin with; all are borrowed,
 * and so is the tokenizer. DM_ERROR_FORMAT where a row is not UTF-8, or no sentence is long
 * enough. */
dm_status haystack_new(const dm_tokenizer *tokenizer, const char *text, size_t n_byte,
                       const char *name, struct haystack **haystack, dm_error *error);
void haystack_free(struct haystack *haystack); /* NULL is fine */

size_t haystack_row_count(const struct haystack *haystack);

/* Fills ids[n_id] with the sentences from row `row` on, with nothing between them, the last one cut
 * to fit. Sentence s begins at ids[(*starts)[s]]; `*starts` [*n_start] is allocated with malloc.
 * A row is encoded when it is first read, and kept; so no two threads may read at once. */
dm_status haystack_read(struct haystack *haystack, size_t row, int32_t *ids, size_t n_id,
                        size_t **starts, size_t *n_start, dm_error *error);

#endif
