/* Ways to extend the context: which tokens a layer hands on.
 *
 * A method is a small table of hooks. The session calls them and knows no method by name. */
#ifndef DM_METHODS_METHOD_H
#define DM_METHODS_METHOD_H

#include "methods/calibration.h"
#include "ops/ops.h"

struct dm_method;

/* One decimating layer. */
struct dm_stage {
    size_t layer;
    size_t place;             /* s: its place in the list of layers, the exponent of beta */
    const uint32_t *channels; /* [n_channel] that the score looks at; NULL: all */
    size_t n_channel;
};

/* A packed batch of tokens that enter a decimating layer: all that they can be scored by. */
struct dm_stage_input {
    size_t n_token, n_sequence;
    const size_t *start;          /* [n_sequence + 1] */
    const size_t *first_position; /* [n_sequence] of their first rows, in the layer's own input;
                                     NULL: 0 */
    size_t d_model, n_step;       /* n_step: of a token, by which it is scored */
    const dm_real *residual;      /* [n_token, d_model] as it enters the layer */
    const dm_real *delta;         /* [n_token, n_step] */
};

struct dm_method_hooks {
    dm_method_kind kind;
    const char *name;
    /* Fills score [n_token] of the tokens at `stage`; the best are kept. NULL: nothing is scored,
     * the latest are kept. */
    void (*score)(const struct dm_method *method, const struct dm_stage *stage,
                  const struct dm_stage_input *input, const struct dm_ops *ops, dm_real *score);
};

extern const struct dm_method_hooks dm_decimation; /* decimation.c */
extern const struct dm_method_hooks dm_keep_last;  /* keep_last.c */

/* A session's settings, checked against a model. */
struct dm_method {
    const struct dm_method_hooks *hooks; /* NULL: plain Mamba, no stages */
    dm_score score;
    size_t base_length, min_length, keep_tail;
    double beta;
    size_t n_stage;
    struct dm_stage *stages; /* by ascending layer */
};

/* Checks every field; `calibration` (may be NULL) gives the global score its channels and must
 * outlive the method. */
dm_status dm_method_new(const dm_method_options *options, size_t n_layer,
                        const struct dm_calibration *calibration, struct dm_method **method,
                        dm_error *error);
void dm_method_free(struct dm_method *method);
/* Do both keep the same tokens of any text? */
bool dm_method_equal(const struct dm_method *a, const struct dm_method *b);

/* K = min(n, max(floor(min(n, base_length * beta^place)), min_length)) of n tokens before the tail
 * (official find_top_k; K is kept within n, where the official topk fails). */
size_t dm_method_budget(const struct dm_method *method, const struct dm_stage *stage, size_t n);

const char *dm_score_name(dm_score score);
bool dm_score_from_name(const char *name, dm_score *score);
const char *dm_method_name(dm_method_kind kind);
bool dm_method_from_name(const char *name, dm_method_kind *kind);

#endif
