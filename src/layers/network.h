/* A network: a list of layers between an embedding and a head; and a batch of tokens that runs
 * through it. Reading and training share both. */
#ifndef DM_LAYERS_NETWORK_H
#define DM_LAYERS_NETWORK_H

#include "layers/adjust.h"
#include "layers/buffers.h"
#include "ops/ops.h"
#include "ops/profile.h"

struct dm_layer {
    const struct dm_layer_config *config; /* the network's own */
    dm_real *norm;                        /* [d_model] */
    void *weights;                        /* the kind's struct of weights */
};

struct dm_network {
    struct dm_model_config config;
    struct dm_ops ops;
    struct dm_threads *threads;
    const void *embedding; /* [vocab_size, d_model] of embedding_dtype, possibly unaligned */
    dm_dtype embedding_dtype;
    const struct dm_block_kind *embedding_blocks; /* that it is in; NULL: none */
    struct dm_layer *layers;                      /* [n_layer] */
    dm_real *final_norm;                          /* [d_model] */
    struct dm_matrix *head;                       /* [vocab_size, d_model] */
    struct dm_slice_plan slices;
    bool limits_steps;          /* what limits Delta while a text is read does so in steps too */
    struct dm_profile *profile; /* NULL: not profiled */
};

/* A batch: the rows of `at`, in sequences by `at->start`, each with its own state. */
struct dm_batch {
    const struct dm_network *network;
    struct dm_buffers *at;
    size_t n_token, n_sequence;     /* `at->start` holds n_sequence + 1 offsets */
    struct dm_state *const *states; /* [n_sequence]; NULL: `at->state` is set already */
    bool is_step;                   /* a token of generation, not a text that is read */
    const size_t *first_position;   /* [n_sequence] of their first rows in the input of the layers
                                       that run now; NULL: 0 */
    dm_status (*observe)(void *observer, const struct dm_batch *batch, size_t layer,
                         dm_error *error);
    void *observer; /* called for each layer once its Delta is there; observe NULL: not */
    const struct dm_adjust *adjust; /* what is changed in layers; NULL: nothing */
};

/* Delta of the view is there: whoever changes it may. */
static inline void dm_adjust_delta(size_t layer, const struct dm_delta_view *view) {
    const struct dm_adjust *adjust = view->batch->adjust;
    if (adjust && adjust->delta)
        adjust->delta(adjust->method, layer, view);
}

/* A of the layer, whose weights have `own`. */
static inline const dm_real *dm_adjusted_A(const struct dm_batch *batch, size_t layer,
                                           const dm_real *own) {
    return batch->adjust && batch->adjust->A ? batch->adjust->A[layer] : own;
}

static inline const struct dm_layer_kind *dm_layer_kind_of(const struct dm_network *network,
                                                           size_t layer) {
    return network->layers[layer].config->kind;
}

/* Does the batch run by slices of channels? Not in training, which keeps what slices never
 * store. */
static inline bool dm_batch_is_sliced(const struct dm_batch *batch) {
    return batch->at->scratch != NULL;
}

/* From Delta to the outputs too? Not where somebody looks at all of it. */
static inline bool dm_batch_is_sliced_to_end(const struct dm_batch *batch) {
    return dm_batch_is_sliced(batch) && !batch->observe &&
           !(batch->adjust && batch->adjust->whole_rows);
}

#endif
