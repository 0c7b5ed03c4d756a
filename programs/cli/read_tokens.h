/* Feeding a session in pieces, so that the progress shows and Ctrl-C is heard. */
#ifndef DECIMAMBA_CLI_READ_TOKENS_H
#define DECIMAMBA_CLI_READ_TOKENS_H

#include <stdbool.h>

#include "decimamba.h"
#include "interrupt.h"
#include "progress.h"
#include "token_source.h"

enum { tokens_per_piece = 4096 };

/* From now on Ctrl-C ends long calls of the library too (DM_CANCELLED). */
void cancel_by_interrupt(void);

/* How far a source has come: in bytes, as the number of a text's tokens is not known beforehand; and
 * how many tokens it has given. */
void reading_start(struct progress *progress, const struct token_source *source);
void reading_update(struct progress *progress, const struct token_source *source, size_t n_read);

/* Appends all that the source gives, and tells the sampler (NULL: none) of it. Ends early, without a
 * fault, when interrupted. Faults print their line. */
bool read_tokens(dm_session *session, dm_sampler *sampler, struct token_source *source);

#endif
