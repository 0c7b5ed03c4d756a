/* Feeding a session in pieces, so that the progress shows and Ctrl-C is heard. */
#ifndef DECIMAMBA_CLI_READ_TOKENS_H
#define DECIMAMBA_CLI_READ_TOKENS_H

#include <stdbool.h>

#include "decimamba.h"
#include "progress.h"
#include "token_source.h"

enum { tokens_per_piece = 4096 };

/* From now on the first Ctrl-C only makes interrupted() true, and says on a terminal what is waited
 * for (`awaited`, short; NULL: nothing that takes a while); a second one ends the program. */
void catch_interrupt(const char *awaited);
/* The same of SIGTERM. */
void catch_termination(void);
/* Both end the program at once again. */
void catch_no_more(void);
bool interrupted(void);
/* Waits for another Ctrl-C. */
void forget_interrupt(void);
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
