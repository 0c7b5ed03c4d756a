/* A document's text as ids, in pieces. */
#ifndef DECIMAMBA_SERVE_DOCUMENT_IDS_H
#define DECIMAMBA_SERVE_DOCUMENT_IDS_H

#include "documents.h"

struct document_ids {
    FILE *file;
    dm_encoder *encoder;
};

/* To be closed either way, of a struct of zeros. */
bool document_ids_open(struct document_ids *ids, const struct documents *documents,
                       const struct document *document, dm_error *error);
void document_ids_close(struct document_ids *ids);
/* Reads *n_byte more of the text, and gives the ids that are ready [*n_id], until the next call: none, too,
 * where more text is needed. At the end *n_byte is 0. */
bool document_ids_next(struct document_ids *ids, const int32_t **list, size_t *n_id, size_t *n_byte,
                       dm_error *error);

#endif
