/* A text read by a model, and what each layer's scan reads of it: in chunks, as the text is read,
 * with every token's position. Where a layer drops tokens, its scan and the layers above read those
 * that were kept; positions still count the whole text. */
#ifndef DECIMAMBA_ANALYSIS_SCAN_READING_H
#define DECIMAMBA_ANALYSIS_SCAN_READING_H

#include <stdbool.h>

#include "decimamba.h"

struct scan_chunk {
    const dm_probe_view *view; /* what the scan reads; first_position 0 begins the layer */
    const size_t *positions;   /* [view->n_token] in the text, ascending */
    bool before_choice;        /* what enters a layer that drops tokens, before it drops any */
};

/* Called for each layer in turn, chunk after chunk, with each of its tokens once. Must not call
 * into the library. */
typedef void scan_visitor(const struct scan_chunk *chunk, void *user);

struct scan_reading {
    const dm_model *model;
    const dm_method_options *method;
    const int32_t *ids; /* [n_id], n_id >= 1 */
    size_t n_id;
    bool with_dropped;                           /* chunks before a choice are shown too */
    void (*progress)(size_t n_read, void *user); /* NULL: none */
    void *user;                                  /* of progress */
};

/* Reads the text once, and finishes it where layers drop tokens, so that those above them run. */
dm_status scan_reading_run(const struct scan_reading *reading, scan_visitor *visit, void *user,
                           dm_error *error);

#endif
