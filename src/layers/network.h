/* A network: a list of layers between an embedding and a head; and a batch of tokens that runs
 * through it. Reading and training share both. */
#ifndef DM_LAYERS_NETWORK_H
#define DM_LAYERS_NETWORK_H

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
    struct dm_layer *layers; /* [n_layer] */
    dm_real *final_norm;     /* [d_model] */
    struct dm_matrix *head;  /* [vocab_size, d_model] */
    struct dm_slice_plan slices;
    struct dm_profile *profile; /* NULL: not profiled */
};

/* A batch: the rows of `at`, in sequences by `at->start`, each with its own state. */
struct dm_batch {
    const struct dm_network *network;
    struct dm_buffers *at;
    size_t n_token, n_sequence;     /* `at->start` holds n_sequence + 1 offsets */
    struct dm_state *const *states; /* [n_sequence]; NULL: `at->state` is set already */
    const size_t
        *first_position; /* [n_sequence] of their first rows in the input of the layers that
                                       run now; NULL: 0 */
    dm_status (*observe)(void *observer, const struct dm_batch *batch, size_t layer,
                         dm_error *error);
    void *observer; /* called for each layer once its Delta is there; observe NULL: not */
};

static inline const struct dm_layer_kind *dm_layer_kind_of(const struct dm_network *network,
                                                           size_t layer) {
    return network->layers[layer].config->kind;
}

/* Does the batch run by slices of channels? Not in training, which keeps what slices never
 * store. */
static inline bool dm_batch_is_sliced(const struct dm_batch *batch) {
    return batch->at->scratch != NULL;
}

#endif
