/* What a pass holds, and the parts that pass.c runs in turn. */
#ifndef DM_TRAINING_PASS_PARTS_H
#define DM_TRAINING_PASS_PARTS_H

#include "base/progress.h"
#include "layers/backward.h"
#include "methods/choice.h"
#include "methods/method.h"
#include "model/run.h"
#include "training/trained_network.h"

/* See dm_training_batch in decimamba.h. */
struct dm_pass_batch {
    size_t n_sequence;
    const size_t *start;     /* [n_sequence + 1] */
    const int32_t *ids;      /* [start[n_sequence]], in range */
    const float *weight;     /* [start[n_sequence]]; NULL: 1 */
    const size_t *keep_tail; /* [n_sequence]; NULL: the method's */
    bool by_sequence;        /* each sequence counts 1 */
    /* [n_sequence] states of all layers, as struct dm_state has them: before the first token (NULL:
     * zeros), and where those after the last one go (NULL: nowhere). No gradient passes. */
    const dm_real *first_states;
    dm_real *last_states;
};

struct dm_pass_loss {
    double sum, weight; /* of weight times nll; of weights */
    size_t n_prediction;
};

struct dm_span {
    size_t n_token;
    size_t *start;    /* [n_sequence + 1] */
    size_t *position; /* [n_token], rows of the batch; NULL: all of them */
};

struct dm_layer_pass {
    const struct dm_stage *stage;         /* NULL: drops nothing */
    const struct dm_span *before, *after; /* the same where nothing is dropped */
    size_t *kept;                         /* [after->n_token], rows of `before`; or NULL */
    struct dm_buffers in, out;            /* rows of before; of after, from the outputs on */
};

/* Gradients on their way, for the layer at work. */
struct dm_pass_gradients {
    dm_real *dresidual, *dresidual_below;     /* [n_token, d_model] */
    dm_real *dnormed, *dnormed_cut;           /* [n_token, d_model] */
    dm_real *rstd;                            /* [n_token] */
    dm_real *own[DM_MAX_SORT][DM_MAX_BUFFER]; /* of the layers' kinds, for each sort */
};

struct dm_pass {
    struct dm_trained_network *trained;
    const struct dm_method *method; /* its hooks NULL: nothing is dropped */
    bool recompute;
    unsigned char *bytes; /* of everything below, kept from batch to batch */
    size_t n_byte;
    size_t *counts; /* the spans' starts */
    size_t n_count;
    const struct dm_pass_batch *batch;
    bool backward;
    struct dm_span *spans; /* [n_stage + 1] */
    size_t n_stage;
    struct dm_layer_pass *layers;
    dm_real *top; /* the last layer's residual */
    struct dm_pass_gradients gradients;
    const dm_real
        *input_gradient; /* [n_token, d_model] of the embeddings as read; NULL: not made */
    dm_real **state[DM_MAX_STATE], **state_grad[DM_MAX_STATE]; /* [n_sequence]: of one layer, */
    dm_real *states, *state_grads; /* [n_sequence, state_size], which lie here */
    size_t state_size;             /* of a sequence in the layer with the largest */
    size_t *scratch;               /* [n_token], for choosing */
    size_t *labelled;              /* [n_token], rows of the last span, ... */
    dm_real *label_weight;         /* [n_token], ... and what each counts */
    dm_real *label_rows, *label_gradients, *logits; /* [label_capacity, d_model or vocab_size] */
    double *nll;                                    /* [label_capacity] */
    size_t label_capacity;
};

/* plan.c: the spans, and room for everything. A pass is zeroed but for its first three fields at first,
 * and freed after use. */
dm_status dm_pass_plan(struct dm_pass *pass, dm_error *error);
void dm_pass_free(struct dm_pass *pass);
/* forward.c: ids to the last layer's residual. */
dm_status dm_pass_forward(struct dm_pass *pass, dm_error *error);
/* What a layer's backward pass reads but was not kept. */
dm_status dm_pass_restore(struct dm_pass *pass, size_t layer, dm_error *error);
/* The states of the layer at work are as before the first token. */
void dm_pass_start_states(const struct dm_pass *pass, size_t layer);
/* loss.c: the loss; with `backward`, the top residual's gradient, in gradients.dresidual. */
dm_status dm_pass_find_loss(struct dm_pass *pass, struct dm_pass_loss *loss, dm_error *error);
/* layer_back.c: gradients.dresidual from above a layer to below it. */
dm_status dm_pass_layer_back(struct dm_pass *pass, size_t layer, dm_error *error);

/* Tells the caller that `n_done` layers are behind, of those forward and, with `backward`, back. */
static inline dm_status dm_pass_tell(const struct dm_pass *pass, size_t n_done, dm_error *error) {
    size_t n_layer = pass->trained->network.config.n_layer;
    size_t n_back = pass->backward ? n_layer - dm_trained_network_first_layer(pass->trained) : 0;
    return dm_progress_tell(n_done, n_layer + n_back, error);
}

/* How many of a sequence's last tokens, of n in a span, are always kept. */
static inline size_t dm_pass_tail(const struct dm_pass *pass, size_t sequence, size_t n) {
    const size_t *keep_tail = pass->batch->keep_tail;
    return dm_tail_of(n, keep_tail ? keep_tail[sequence] : pass->method->keep_tail);
}

/* What the method changes in layers; NULL: nothing. */
static inline const struct dm_adjust *dm_pass_adjust(const struct dm_pass *pass) {
    return dm_method_adjust(pass->method, false);
}

static inline struct dm_batch dm_pass_batch_of(struct dm_pass *pass, struct dm_buffers *at,
                                               const struct dm_span *span) {
    return (struct dm_batch){.network = &pass->trained->network,
                             .at = at,
                             .n_token = span->n_token,
                             .n_sequence = pass->batch->n_sequence,
                             .adjust = dm_pass_adjust(pass)};
}

#endif
