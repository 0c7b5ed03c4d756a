/* The kinds of layers that there are. */
#ifndef DM_LAYERS_KINDS_H
#define DM_LAYERS_KINDS_H

#include "layers/layer.h"

extern const struct dm_layer_kind *const dm_layer_kinds[];
extern const size_t dm_n_layer_kind;

/* NULL: none has this name. */
const struct dm_layer_kind *dm_layer_kind_named(const char *name);
/* Of transformers' "model_type", and of "layer" in state-spaces' ssm_cfg; NULL: none. */
const struct dm_layer_kind *dm_layer_kind_of_type(const char *model_type);
const struct dm_layer_kind *dm_layer_kind_of_official(const char *layer);

#endif
