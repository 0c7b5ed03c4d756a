/* Looking at what was kept of a document: its state is finished, and its text encoded once more, in pieces,
 * to say where its tokens are. Of the engine's thread, but for its making. */
#ifndef DECIMAMBA_SERVE_INSPECTION_H
#define DECIMAMBA_SERVE_INSPECTION_H

#include "document_ids.h"
#include "states.h"

struct inspection {
    struct inspection *next;
    struct documents *documents;
    struct document *document;
    struct reply *reply;
    bool begun;
    struct kept_layer {
        size_t layer, n, n_kept;
    } * layers; /* [n_layer] where tokens are dropped, the lowest first */
    size_t n_layer;
    size_t *tokens; /* [n_kept] that the lowest kept */
    size_t *depths; /* [n_kept] how many kept each */
    size_t n_kept;
    struct document_ids text;
    dm_decoder *decoder;
    size_t n_token, n_byte, n_listed; /* so far */
    json_t *list;
};

/* NULL: memory is short. Takes the document, which was taken for it. */
struct inspection *inspection_new(struct documents *documents, struct document *document,
                                  struct reply *reply);
/* A piece of the work; false: it is done, and told. */
bool inspection_go_on(struct inspection *inspection, struct states *states);
void inspection_free(struct inspection *inspection);

#endif
