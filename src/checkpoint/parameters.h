/* The one list of a model's parameters, from the tables of its layers' kinds: loading, saving,
 * initialising and, in training, gradients and the optimizer iterate over it. */
#ifndef DM_CHECKPOINT_PARAMETERS_H
#define DM_CHECKPOINT_PARAMETERS_H

#include "layers/model_config.h"

enum { DM_MAX_NAME = 96 };
#define DM_NO_LAYER SIZE_MAX /* of the network's own parameters */
#define DM_NO_PARAMETER SIZE_MAX

/* Rows of the network's own parameters. */
enum dm_network_parameter {
    DM_EMBEDDING,  /* [vocab_size, d_model] */
    DM_FINAL_NORM, /* [d_model] */
    DM_HEAD,       /* [vocab_size, d_model], where the head is not tied */
    DM_N_NETWORK_PARAMETER
};

struct dm_parameter {
    const struct dm_parameter_row *row;
    size_t layer; /* DM_NO_LAYER: the network's own */
    size_t index; /* of its row in the kind's table, or in the network's */
    struct dm_shape shape;
    size_t n_element;
    char name[DM_MAX_NAME]; /* in transformers' spelling */
};

/* The embedding; then row by row of the kinds' tables, each for all layers; the last norm; the
 * head. */
struct dm_parameters {
    size_t n;
    struct dm_parameter *list;
    size_t n_layer;
    size_t *of_layer; /* [n_layer, DM_MAX_PARAMETER]: indices in the list, or DM_NO_PARAMETER */
    size_t of_network[DM_N_NETWORK_PARAMETER];
};

dm_status dm_parameters_new(const struct dm_model_config *config, struct dm_parameters *parameters,
                            dm_error *error);
void dm_parameters_free(struct dm_parameters *parameters); /* a zeroed struct is fine */
/* Index in the list of row `index` of a table; DM_NO_PARAMETER: the model does not have it. `layer`
 * DM_NO_LAYER: of the network's own. */
size_t dm_parameters_find(const struct dm_parameters *parameters, size_t layer, size_t index);
/* The head's weight: the embedding, where they are tied. */
size_t dm_parameters_head(const struct dm_parameters *parameters);

/* The name of a layer's parameter in transformers' spelling. */
void dm_parameter_name(const struct dm_layer_config *config, size_t layer, size_t index,
                       char name[DM_MAX_NAME]);
/* The names of the network's own parameters; and the embedding's in state-spaces' spelling, the
 * only one that differs. */
const char *dm_network_parameter_name(enum dm_network_parameter index);
const struct dm_parameter_row *dm_network_parameter_row(enum dm_network_parameter index);
struct dm_shape dm_network_parameter_shape(const struct dm_model_config *config,
                                           enum dm_network_parameter index);
extern const char dm_official_embedding[];

#endif
