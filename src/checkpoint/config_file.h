/* config.json, in either dialect. */
#ifndef DM_CHECKPOINT_CONFIG_FILE_H
#define DM_CHECKPOINT_CONFIG_FILE_H

#include "base/json.h"
#include "layers/model_config.h"

/* Reads either dialect: state-spaces (`d_model`, `ssm_cfg`, vocabulary padded up to
 * `pad_vocab_size_multiple`) or transformers (`hidden_size`, `model_type` "mamba" or
 * "falcon_mamba"). Messages begin with `name`, a path. Sizes are in [1, 2^31); products of two fit.
 * A model this library cannot run (Mamba-2, attention layers, a norm that is no RMSNorm, quantized
 * weights) is DM_ERROR_UNSUPPORTED. */
dm_status dm_model_config_from_json(const json_t *object, const char *name,
                                    struct dm_model_config *config, dm_error *error);
dm_status dm_model_config_read(const char *path, struct dm_model_config *config, dm_error *error);
/* A new object in transformers' dialect that AutoModelForCausalLM reads. NULL: memory is short. */
json_t *dm_model_config_to_json(const struct dm_model_config *config, dm_dtype dtype);

#endif
