#include "layers/weights.h"

#include "base/memory.h"

size_t dm_weight_n_element(const struct dm_layer_config *config, const struct dm_weight_row *row) {
    return dm_layer_has(config, row->parameter)
               ? dm_shape_n_element(config->kind->shape(config, row->parameter))
               : 0;
}

size_t dm_weights_packed_bytes(const struct dm_layer_config *config, void *weights,
                               const struct dm_matmul_backend *matmul) {
    struct dm_weight_row rows[DM_MAX_WEIGHT];
    size_t n = config->kind->weights(config, rows), n_byte = 0;
    for (size_t i = 0; i < n; i++)
        if (rows[i].use == DM_WEIGHT_MATRIX)
            n_byte += matmul->matrix_bytes(*dm_weight_matrix(weights, &rows[i]));
    return n_byte;
}

void dm_weights_free(const struct dm_layer_config *config, void *weights,
                     const struct dm_matmul_backend *matmul, unsigned owned_uses) {
    struct dm_weight_row rows[DM_MAX_WEIGHT];
    if (!weights)
        return;
    size_t n = config->kind->weights(config, rows);
    for (size_t i = 0; i < n; i++) {
        if (rows[i].use == DM_WEIGHT_MATRIX)
            matmul->matrix_free(*dm_weight_matrix(weights, &rows[i]));
        else if (owned_uses >> rows[i].use & 1)
            dm_memory_free(*dm_weight_reals(weights, &rows[i]));
    }
    dm_memory_free(weights);
}
