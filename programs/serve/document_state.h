/* States of documents on disk, each with a note that says what it is of. Of the engine's thread alone. */
#ifndef DECIMAMBA_SERVE_DOCUMENT_STATE_H
#define DECIMAMBA_SERVE_DOCUMENT_STATE_H

#include "documents.h"
#include "states.h"

/* How far a document was read. */
struct document_mark {
    dm_session *session;
    dm_sampler *sampler;
    size_t n_token;
    XXH128_hash_t hash; /* of their ids */
    double seconds;
    json_t *scores; /* or NULL */
    bool partial;   /* there is more to be read */
};

/* Keeps it, in place of what was kept of the document. A fault's line is printed. */
bool document_save_state(const struct documents *documents, const struct document *document,
                         const struct document_mark *mark);
/* Makes of the session and the sampler of a mark, both new, those that were kept of a document that was
 * half-read, if that was by this model and these settings; the rest of the mark but its hash is as it was
 * then, with scores that are the caller's. Otherwise they are as they were, n_token is 0, and nothing is
 * kept any longer. */
void document_resume(const struct documents *documents, const struct document *document,
                     struct document_mark *mark);
/* The same from the state of another document, whose text and method are equal; false: memory is short. */
bool document_copy_state(struct documents *documents, const struct document *other,
                         struct states *states, struct document_mark *mark);
/* Finds the state of a document that was read before the server started, if it is of this model and
 * these settings; it is restored when it is asked for. */
void document_find_state(struct documents *documents, struct document *document,
                         struct states *states);
/* Has the state's session in memory. false: it cannot be, and its document is to be read again. */
bool document_wake_state(struct documents *documents, struct state *state, struct states *states);

#endif
