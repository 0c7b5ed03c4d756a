/* Reading documents in the background, some tokens at a time, and keeping their states. Of the engine's
 * thread alone. */
#ifndef DECIMAMBA_SERVE_DOCUMENT_READING_H
#define DECIMAMBA_SERVE_DOCUMENT_READING_H

#include "documents.h"
#include "states.h"

/* Reads up to n_token more of a document that has not been read, and gives how many it has read. */
size_t document_read_some(struct documents *documents, struct document *document,
                          struct states *states, size_t n_token);
/* Drops what is half-read. */
void document_stop_reading(struct document *document);

#endif
