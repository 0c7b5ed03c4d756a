/* All ids of a text, for work that looks here and there in it: a long text's are in a file without a
 * name in TMPDIR (4 bytes each), and memory does not grow with them. */
#ifndef DECIMAMBA_CLI_ID_STORE_H
#define DECIMAMBA_CLI_ID_STORE_H

#include "token_source.h"

struct id_store {
    size_t n_id;
    int32_t *recent; /* those after what is in the file, which the store fills in turn */
    size_t n_recent;
    FILE *file; /* NULL: all are recent */
};

/* Reads the source to its end. */
dm_status id_store_fill(struct id_store *store, struct token_source *source, dm_error *error);
void id_store_free(struct id_store *store); /* harmless on zeros */

/* As a task reads them: as long as the store stays where it is. */
struct token_text id_store_text(const struct id_store *store);
/* Some of them, allocated with malloc. Faults print their line. */
int32_t *id_store_take(const struct id_store *store, size_t first, size_t n);

#endif
