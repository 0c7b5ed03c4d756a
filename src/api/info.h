/* What a model's and a trainer's info have in common. */
#ifndef DM_API_INFO_H
#define DM_API_INFO_H

#include "layers/network.h"

/* Layers of one family are of one sort. */
static inline const char *dm_model_type(const struct dm_model_config *config) {
    const struct dm_layer_config *sort = config->sorts;
    return config->n_sort == 1 ? sort->kind->names(sort).model_type : NULL;
}

static inline dm_model_info dm_network_info(const struct dm_network *network) {
    const struct dm_model_config *config = &network->config;
    return (dm_model_info){
        .struct_size = sizeof(dm_model_info),
        .n_layer = config->n_layer,
        .d_model = config->d_model,
        .d_inner = dm_model_size(config, "d_inner"),
        .d_state = dm_model_size(config, "d_state"),
        .d_conv = dm_model_size(config, "d_conv"),
        .dt_rank = dm_model_size(config, "dt_rank"),
        .vocab_size = config->vocab_size,
        .n_thread = dm_threads_count(network->threads),
        .cpu = network->ops.cpu,
        .tied_head = config->tie_word_embeddings,
        .n_step = dm_model_n_step(config),
        .n_head = dm_model_size(config, "n_head"),
        .n_group = dm_model_size(config, "n_group"),
        .model_type = dm_model_type(config),
    };
}

#endif
