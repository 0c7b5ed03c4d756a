/* Reading sizes from a config.json. */
#ifndef DM_LAYERS_SIZES_H
#define DM_LAYERS_SIZES_H

#include "base/json.h"

/* Sizes stay below 2^31, so that products of two fit. */
#define DM_SIZE_LIMIT ((size_t)1 << 31)

/* Where a layer's sizes are: in transformers' dialect the whole object, in state-spaces' its
 * ssm_cfg (NULL: there is none). Messages begin with `name`, a path. */
struct dm_config_source {
    const json_t *object;
    const char *name;
    const char *model_type; /* transformers'; NULL: state-spaces' dialect */
};

/* The key in the dialect of the source. */
static inline const char *dm_dialect_key(const struct dm_config_source *source,
                                         const char *transformers, const char *official) {
    return source->model_type ? transformers : official;
}

/* object[key], which must be in [1, 2^31). `*size` is the default; 0: the key is required. */
dm_status dm_get_size(const json_t *object, const char *key, const char *name, size_t *size,
                      dm_error *error);
/* A number, or "auto": d_model / 16, rounded up, which is the default too. */
dm_status dm_get_rank(const json_t *object, const char *key, const char *name, size_t d_model,
                      size_t *rank, dm_error *error);
/* "expand" * d_model; `expand` need not be whole, and is 2 where it is missing. */
dm_status dm_get_expanded(const json_t *object, const char *name, size_t d_model, size_t *size,
                          dm_error *error);
/* true or false, as 1 or 0; unchanged where the key is missing. */
dm_status dm_get_switch(const json_t *object, const char *key, const char *name, size_t *value,
                        dm_error *error);
/* In [0, 1); unchanged where the key is missing. */
dm_status dm_get_epsilon(const json_t *object, const char *key, const char *name, double *epsilon,
                         dm_error *error);

/* [lowest, highest], of which the latter may be infinite; unchanged where the key is missing. */
dm_status dm_get_limits(const json_t *object, const char *key, const char *name, double *limits,
                        dm_error *error);

/* Each sets a key; false: memory is short. */
bool dm_put_size(json_t *object, const char *key, size_t value);
bool dm_put_bool(json_t *object, const char *key, bool value);
bool dm_put_real(json_t *object, const char *key, double value);
/* Nothing where they limit no number >= 0. */
bool dm_put_limits(json_t *object, const char *key, const double *limits);
bool dm_put_text(json_t *object, const char *key, const char *value);

#endif
