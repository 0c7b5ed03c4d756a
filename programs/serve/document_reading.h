/* Reading documents in the background, some tokens at a time, and keeping their states. Of the engine's
 * thread alone. */
#ifndef DECIMAMBA_SERVE_DOCUMENT_READING_H
#define DECIMAMBA_SERVE_DOCUMENT_READING_H

#include "documents.h"
#include "states.h"

/* Reads up to n_token more of a document that has not been read. false: it is read, or has failed, or is
 * deleted, and needs no more turns. */
bool document_read_some(struct documents *documents, struct document *document,
                        struct states *states, size_t n_token);
/* Drops what is half-read. */
void document_stop_reading(struct document *document);

/* Finds the state of a document that was read before the server started, if it is of this model and
 * these settings; it is restored when it is asked for. */
void document_find_state(struct documents *documents, struct document *document,
                         struct states *states);
/* Has the state's session in memory. false: it cannot be, and its document is to be read again. */
bool document_wake_state(struct documents *documents, struct state *state, struct states *states);

#endif
