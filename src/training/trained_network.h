/* A network whose weights change: the forward pass's network, made anew from the parameters after
 * every step, and the transposed matrices that gradients go back through. */
#ifndef DM_TRAINING_TRAINED_NETWORK_H
#define DM_TRAINING_TRAINED_NETWORK_H

#include "layers/network.h"
#include "training/lora.h"

struct dm_trained_network {
    struct dm_network network;
    struct dm_tensors tensors;
    struct dm_lora lora;
    dm_dtype compute; /* of the products that are not exact, as in reading */
    void *
        *transposed; /* [n_layer] of the kind's weights, each matrix [n_in, n_out], for dx = dy W */
    struct dm_matrix *head_transposed;
};

/* Takes over `tensors`, filled; `ops` and `threads` are borrowed. */
dm_status dm_trained_network_new(const struct dm_model_config *config, const struct dm_ops *ops,
                                 struct dm_threads *threads, dm_dtype compute,
                                 const struct dm_lora *lora, struct dm_tensors *tensors,
                                 struct dm_trained_network *trained, dm_error *error);
void dm_trained_network_free(struct dm_trained_network *trained);
/* After values have changed. */
dm_status dm_trained_network_refresh(struct dm_trained_network *trained, dm_error *error);

/* The tensor that holds the head's weight: the embedding's, where they are tied. */
struct dm_tensor *dm_trained_network_head(const struct dm_trained_network *trained);
/* The lowest layer that a gradient must reach; n_layer: none. */
size_t dm_trained_network_first_layer(const struct dm_trained_network *trained);
/* What the products' matrices take. */
size_t dm_trained_network_packed_bytes(const struct dm_trained_network *trained);

#endif
