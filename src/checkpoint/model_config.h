/* The sizes of a model, from config.json in either dialect. */
#ifndef DM_CHECKPOINT_MODEL_CONFIG_H
#define DM_CHECKPOINT_MODEL_CONFIG_H

#include <stdbool.h>

#include "checkpoint/stop_tokens.h"

struct dm_model_config {
    size_t n_layer, d_model, d_inner, d_state, d_conv, dt_rank;
    size_t vocab_size;           /* rows of the embedding, padding included */
    double norm_epsilon;         /* of every RMSNorm over d_model */
    bool tied_head;              /* the head is the embedding */
    bool conv_bias;              /* conv1d has a bias */
    bool projection_bias;        /* in_proj and out_proj have one */
    bool projection_bias_unsaid; /* config.json is silent about it: the tensors decide */
    bool mixer_norms;            /* falcon-mamba: dt, B and C pass an RMSNorm without weight */
    double mixer_norm_epsilon;
    double initializer_range; /* transformers' deviation of initial weights; 0: not said */
    /* No part of the network, but kept: transformers takes 0 for what config.json does not name. */
    struct dm_token_list bos, eos, pad;
};

/* Reads either dialect: state-spaces (`d_model`, `ssm_cfg`, vocabulary padded up to
 * `pad_vocab_size_multiple`) or transformers (`hidden_size`, `model_type` "mamba" or
 * "falcon_mamba"). `name` (a path) heads messages. Sizes are in [1, 2^31); products of two fit. A
 * model this library cannot run (Mamba-2, attention layers, a norm that is no RMSNorm, quantized
 * weights) is DM_ERROR_UNSUPPORTED. */
dm_status dm_model_config_from_json(const json_t *object, const char *name,
                                    struct dm_model_config *config, dm_error *error);
dm_status dm_model_config_read(const char *path, struct dm_model_config *config, dm_error *error);
/* A new object in transformers' dialect that AutoModelForCausalLM reads. NULL: memory is short. */
json_t *dm_model_config_to_json(const struct dm_model_config *config, dm_dtype dtype);

#endif
