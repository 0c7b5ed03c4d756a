/* dm_checkpoint_hash. */
#include <stdio.h>
#include <string.h>

#define XXH_STATIC_LINKING_ONLY /* the state by value: no allocation that could fail */
#include <xxhash.h>

#include "base/half.h"
#include "checkpoint/checkpoint.h"

/* Numbers enter the hash as 8 bytes, little-endian. */
static void hash_number(XXH3_state_t *state, uint64_t number) {
    unsigned char bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(number >> 8 * i);
    XXH3_128bits_update(state, bytes, sizeof bytes);
}

static void hash_real(XXH3_state_t *state, double real) {
    uint64_t bits;
    memcpy(&bits, &real, sizeof bits);
    hash_number(state, bits);
}

/* Whole sizes before the vocabulary's, switches after it: as the hash was when all layers were
 * Mamba's, so that older session files still belong to their checkpoints. */
static void hash_sizes(XXH3_state_t *state, const struct dm_layer_config *layer, bool switches) {
    for (size_t i = 0; i < layer->kind->n_size; i++)
        if (layer->kind->sizes[i].is_switch == switches)
            hash_number(state, layer->size[i]);
}

static void hash_reals(XXH3_state_t *state, const struct dm_layer_config *layer) {
    for (size_t i = 0; i < layer->kind->n_real; i++) {
        size_t only_where = layer->kind->reals[i].only_where;
        hash_real(state, !only_where || layer->size[only_where - 1] == 1 ? layer->real[i] : 0);
    }
}

static void hash_config(XXH3_state_t *state, const struct dm_model_config *config) {
    hash_number(state, config->n_layer);
    hash_number(state, config->d_model);
    for (size_t sort = 0; sort < config->n_sort; sort++)
        hash_sizes(state, &config->sorts[sort], false);
    hash_number(state, config->vocab_size);
    hash_number(state, config->tie_word_embeddings);
    for (size_t sort = 0; sort < config->n_sort; sort++)
        hash_sizes(state, &config->sorts[sort], true);
    hash_real(state, config->rms_norm_eps);
    for (size_t sort = 0; sort < config->n_sort; sort++)
        hash_reals(state, &config->sorts[sort]);
    for (size_t layer = 0; layer < config->n_layer && config->n_sort > 1; layer++) {
        const char *kind = dm_layer_config_of(config, layer)->kind->name;
        XXH3_128bits_update(state, kind, strlen(kind));
    }
}

void dm_checkpoint_hash(const struct dm_checkpoint *checkpoint, char hex[33]) {
    const struct dm_parameters *parameters = dm_checkpoint_parameters(checkpoint);
    XXH3_state_t state;
    XXH3_INITSTATE(&state);
    XXH3_128bits_reset(&state);
    hash_config(&state, dm_checkpoint_config(checkpoint));
    for (size_t i = 0; i < parameters->n; i++) {
        struct dm_weight weight =
            dm_checkpoint_weight(checkpoint, parameters->list[i].layer, parameters->list[i].index);
        hash_number(&state, weight.blocks ? 256 + weight.blocks->number : weight.dtype);
        XXH3_128bits_update(&state, weight.data, dm_weight_bytes(weight));
    }
    XXH128_hash_t hash = XXH3_128bits_digest(&state);
    snprintf(hex, 33, "%016llx%016llx", (unsigned long long)hash.high64,
             (unsigned long long)hash.low64);
}
