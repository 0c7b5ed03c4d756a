/* The sizes of a model: its own, and those of each sort of layer. */
#ifndef DM_LAYERS_MODEL_CONFIG_H
#define DM_LAYERS_MODEL_CONFIG_H

#include "base/token_list.h"
#include "layers/layer.h"

enum { DM_MAX_SORT = 4, DM_MAX_MIXED = 512 };

struct dm_model_config {
    size_t n_layer, d_model;
    size_t vocab_size;        /* rows of the embedding, padding included */
    double rms_norm_eps;      /* of every RMSNorm over d_model */
    bool tie_word_embeddings; /* the head is the embedding */
    double initializer_range; /* transformers' standard deviation of initial weights; 0: not set */
    /* Not used by the network, but written again: transformers takes 0 where they are missing. */
    struct dm_token_list bos, eos, pad;
    size_t n_sort; /* layers of one kind and sizes are of one sort */
    struct dm_layer_config sorts[DM_MAX_SORT];
    unsigned char sort_of[DM_MAX_MIXED]; /* [n_layer], where n_sort > 1 */
};

static inline size_t dm_sort_of(const struct dm_model_config *config, size_t layer) {
    return config->n_sort > 1 ? config->sort_of[layer] : 0;
}
static inline const struct dm_layer_config *dm_layer_config_of(const struct dm_model_config *config,
                                                               size_t layer) {
    return &config->sorts[dm_sort_of(config, layer)];
}
/* Layers of a sort; and how many of its sort are below `layer`. */
size_t dm_sort_count(const struct dm_model_config *config, size_t sort);
size_t dm_index_in_sort(const struct dm_model_config *config, size_t layer);
/* The largest size of this name among the sorts; 0: none has it. */
size_t dm_model_size(const struct dm_model_config *config, const char *name);
/* The most steps of a token's Delta in a layer. */
size_t dm_model_n_step(const struct dm_model_config *config);

#endif
