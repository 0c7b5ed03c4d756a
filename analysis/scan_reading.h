/* A text read by a model, and what each layer's scan reads of it: in chunks, as it is read, with
 * every token's place in the text. Where a layer drops tokens, its scan and the layers above read
 * those that were kept; places are those of the whole text all the same. */
#ifndef DECIMAMBA_ANALYSIS_SCAN_READING_H
#define DECIMAMBA_ANALYSIS_SCAN_READING_H

#include "decimamba.h"

struct scan_chunk {
    const dm_probe_view *view; /* what the scan reads; first_position 0 begins the layer */
    const size_t *places;      /* [view->n_token] in the text, ascending */
};

/* Called for each layer in turn, chunk after chunk; each layer gets all its tokens once. Must not
 * call into the library. */
typedef void scan_visitor(const struct scan_chunk *chunk, void *user);

struct scan_reading {
    const dm_model *model;
    const dm_method_options *method;
    const int32_t *ids; /* [n_id], n_id >= 1 */
    size_t n_id;
    void (*progress)(size_t n_read, void *user); /* NULL: none */
    void *user;                                  /* of progress */
};

/* Reads the text once. */
dm_status scan_reading_run(const struct scan_reading *reading, scan_visitor *visit, void *user,
                           dm_error *error);

/* The same reading under a probe of the caller's own, which sees choices as they are made. The text
 * is closed where layers drop tokens, so that those above them are shown. */
dm_status scan_reading_probe(const struct scan_reading *reading, dm_probe probe, void *user,
                             dm_error *error);

#endif
