/* Noise for prompts: the sentences of a text, row by row, each one encoded alone. What the official
 * pass-key evaluation hides its keys in.
 *
 * A row is a line with its line feed. Its sentences are those of text/sentences.h; one of fewer
 * than 10 tokens is skipped. The rows are a ring: the first follows the last. */
#ifndef DECIMAMBA_EVALUATION_NOISE_H
#define DECIMAMBA_EVALUATION_NOISE_H

#include "decimamba.h"

struct noise;

/* `text`, n_byte of UTF-8, comes from the file `name`, which messages begin with; all are borrowed,
 * and so is the tokenizer. DM_ERROR_FORMAT where a row is not UTF-8, or no sentence is long
 * enough. */
dm_status noise_new(const dm_tokenizer *tokenizer, const char *text, size_t n_byte,
                    const char *name, struct noise **noise, dm_error *error);
void noise_free(struct noise *noise); /* NULL is fine */

size_t noise_row_count(const struct noise *noise);

/* Fills ids[n_id] with the sentences from row `row` on, with nothing between them, the last one cut
 * to fit. Sentence s begins at ids[(*starts)[s]]; `*starts` [*n_start] is allocated with malloc.
 * A row is encoded when it is first read, and kept; so no two threads may read at once. */
dm_status noise_read(struct noise *noise, size_t row, int32_t *ids, size_t n_id, size_t **starts,
                     size_t *n_start, dm_error *error);

#endif
