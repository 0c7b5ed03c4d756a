/* A layer's weights, by the rows of its kind's list. */
#ifndef DM_LAYERS_WEIGHTS_H
#define DM_LAYERS_WEIGHTS_H

#include "layers/network.h"

static inline dm_real **dm_weight_reals(void *weights, const struct dm_weight_row *row) {
    return (dm_real **)((uintptr_t)weights + row->offset);
}
static inline struct dm_matrix **dm_weight_matrix(void *weights, const struct dm_weight_row *row) {
    return (struct dm_matrix **)((uintptr_t)weights + row->offset);
}
/* Elements of the parameter that the weight is made of; 0: the layer does not have it. */
size_t dm_weight_n_element(const struct dm_layer_config *config, const struct dm_weight_row *row);
/* Bytes of a layer's packed matrices. */
size_t dm_weights_packed_bytes(const struct dm_layer_config *config, void *weights,
                               const struct dm_matmul_backend *matmul);
/* Frees the matrices, and the reals of the uses in the mask `owned_uses` (1 << use). */
void dm_weights_free(const struct dm_layer_config *config, void *weights,
                     const struct dm_matmul_backend *matmul, unsigned owned_uses);

#endif
