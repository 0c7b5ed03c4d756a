/* The one table of a model's weights: loading, saving, initialising (and, in training, gradients
 * and the optimizer) walk it. */
#ifndef DM_CHECKPOINT_PARAMETERS_H
#define DM_CHECKPOINT_PARAMETERS_H

#include "checkpoint/model_config.h"

enum dm_parameter {
    DM_EMBEDDING,     /* [vocab_size, d_model] */
    DM_NORM,          /* [d_model], per layer, as all up to DM_OUT_PROJ_BIAS */
    DM_IN_PROJ,       /* [2 * d_inner, d_model]: first x, then z */
    DM_IN_PROJ_BIAS,  /* [2 * d_inner], where projection_bias */
    DM_CONV_WEIGHT,   /* [d_inner, 1, d_conv] */
    DM_CONV_BIAS,     /* [d_inner], where conv_bias */
    DM_X_PROJ,        /* [dt_rank + 2 * d_state, d_inner]: dt, B, C */
    DM_DT_PROJ,       /* [d_inner, dt_rank] */
    DM_DT_BIAS,       /* [d_inner] */
    DM_A_LOG,         /* [d_inner, d_state] */
    DM_D,             /* [d_inner] */
    DM_OUT_PROJ,      /* [d_model, d_inner] */
    DM_OUT_PROJ_BIAS, /* [d_model], where projection_bias */
    DM_FINAL_NORM,    /* [d_model] */
    DM_HEAD,          /* [vocab_size, d_model], where the head is not tied */
    DM_N_PARAMETER
};

enum { DM_MAX_DIM = 3, DM_MAX_NAME = 96 };

struct dm_shape {
    size_t n_dim, size[DM_MAX_DIM];
};

bool dm_parameter_is_per_layer(enum dm_parameter parameter);
/* Does a model of this config have it? */
bool dm_parameter_exists(enum dm_parameter parameter, const struct dm_model_config *config);
/* Large matrices and the embedding are stored in the dtype asked for; the rest stays float32. */
bool dm_parameter_is_matrix(enum dm_parameter parameter);
struct dm_shape dm_parameter_shape(enum dm_parameter parameter,
                                   const struct dm_model_config *config);
size_t dm_shape_n_element(struct dm_shape shape);
/* The name in a file; `official`: state-spaces' spelling (backbone.embedding), else transformers'
 * (backbone.embeddings). They differ nowhere else. */
void dm_parameter_name(enum dm_parameter parameter, size_t layer, bool official,
                       char name[DM_MAX_NAME]);

#endif
