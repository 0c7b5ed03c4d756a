/* What tokens are scored by as a document is read, as a strip of a thousand or two numbers: the largest
 * of so many tokens each, of which more and more go into one as the text grows. */
#ifndef DECIMAMBA_SERVE_SCORE_STRIP_H
#define DECIMAMBA_SERVE_SCORE_STRIP_H

#include <jansson.h>
#include <stdbool.h>

#include "decimamba.h"

enum { max_bin = 2048 };

struct score_strip {
    const dm_model *model;
    dm_score score;
    size_t layer;
    size_t width, n_token; /* tokens in a number; tokens so far */
    float max[max_bin];
};

/* Whether a method scores tokens by their Delta: then the strip has those of its first layer. */
bool score_strip_begin(struct score_strip *strip, const dm_model *model,
                       const dm_method_options *method);
/* The first n_token were seen before: `scores` is what score_strip_json gave then (of the same method); what
 * it lacks of them is unknown. */
void score_strip_restore(struct score_strip *strip, const json_t *scores, size_t n_token);
/* A session's probe. */
void score_strip_see(const dm_probe_view *view, void *strip);
/* {"layer", "width", "max"}; NULL: memory is short. */
json_t *score_strip_json(const struct score_strip *strip);

#endif
