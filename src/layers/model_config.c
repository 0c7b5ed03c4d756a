#include "layers/model_config.h"

size_t dm_sort_count(const struct dm_model_config *config, size_t sort) {
    if (config->n_sort == 1)
        return config->n_layer;
    size_t n = 0;
    for (size_t layer = 0; layer < config->n_layer; layer++)
        n += config->sort_of[layer] == sort;
    return n;
}

size_t dm_index_in_sort(const struct dm_model_config *config, size_t layer) {
    if (config->n_sort == 1)
        return layer;
    size_t n = 0;
    for (size_t below = 0; below < layer; below++)
        n += config->sort_of[below] == config->sort_of[layer];
    return n;
}

size_t dm_model_n_step(const struct dm_model_config *config) {
    size_t most = 0;
    for (size_t sort = 0; sort < config->n_sort; sort++) {
        size_t n = dm_layer_n_step(&config->sorts[sort]);
        most = n > most ? n : most;
    }
    return most;
}

size_t dm_model_size(const struct dm_model_config *config, const char *name) {
    size_t largest = 0;
    for (size_t sort = 0; sort < config->n_sort; sort++) {
        size_t size = dm_layer_size(&config->sorts[sort], name);
        largest = size > largest ? size : largest;
    }
    return largest;
}
