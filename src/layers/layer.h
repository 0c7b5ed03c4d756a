/* A kind of layer, as one table: what its layers are made of, and what they do with tokens.
 *
 * A network is a list of layers, each of some kind and with its own sizes. Code outside a kind's
 * own folder iterates over these tables and knows no kind by name: the checkpoint over parameters,
 * reading and training over buffers and states, the session file and the token pool over the
 * buffers that are carried, probes and the NaN check over what can be shown.
 *
 * A layer reads the normed residual (`normed`) and adds to the residual. It runs in three parts, so
 * that tokens can be dropped between the second and the third:
 *
 *     inputs    normed -> the carried buffers; advances the states before the cut
 *     delta     carried -> the step of each token, by which it is scored: token-wise, no state
 *     outputs   normed, carried, delta -> residual += ...; advances the states after the cut */
#ifndef DM_LAYERS_LAYER_H
#define DM_LAYERS_LAYER_H

#include <stdbool.h>

#include "base/json.h"
#include "base/random.h"
#include "ops/matmul/matmul.h"
#include "ops/real.h"

struct dm_batch;
struct dm_config_source;
struct dm_layer;
struct dm_layer_back;
struct dm_layer_kind;
struct dm_slice_plan;

enum {
    DM_MAX_SIZE = 12,      /* a kind's sizes: integers, */
    DM_MAX_REAL = 4,       /* and real numbers */
    DM_MAX_PARAMETER = 12, /* a layer's parameters */
    DM_MAX_WEIGHT = 16,    /* what operations read of them */
    DM_MAX_BUFFER = 16,
    DM_MAX_STATE = 3,
    DM_MAX_DIM = 3
};

/* ---- Sizes ---- */

/* The sizes of a layer; the kind's enums index `size` and `real`. */
struct dm_layer_config {
    const struct dm_layer_kind *kind;
    size_t d_model, n_layer; /* the network's */
    double rms_norm_eps;     /* of the RMSNorm before the layer */
    size_t size[DM_MAX_SIZE];
    double real[DM_MAX_REAL];
};

/* A switch that config.json does not set: the tensors decide. */
#define DM_UNSAID SIZE_MAX

struct dm_size_row {
    const char *name; /* as struct dm_model_info has it; for messages and `dm_layer_size` */
    const char *gguf; /* below the architecture's name; NULL: not in the file */
    bool is_switch;   /* 0 or 1 */
};

struct dm_real_row {
    const char *name;  /* in config.json */
    size_t only_where; /* 1 + the switch that it depends on; 0: none */
};

/* Where the initial values of a layer's parameters lie. */
struct dm_initial_ranges {
    double matrices; /* transformers' initializer_range, a standard deviation; 0: state-spaces' */
    double dt[2];    /* softplus(dt_bias): log-uniform from the first to the second, */
    double dt_floor; /* at least this */
    double magnitude[2]; /* of A's values, lowest and highest; {0, 0}: the kind's own */
};

struct dm_model_names {
    const char *model_type, *architecture;
};

/* ---- Parameters: what a checkpoint holds of a layer ---- */

struct dm_shape {
    size_t n_dim, size[DM_MAX_DIM];
};

struct dm_parameter_row {
    const char *name;          /* below backbone.layers.<i>. */
    const char *gguf;          /* below blk.<i>.; NULL: llama.cpp has no place for it */
    bool is_matrix;            /* stored in the requested type, and decays; the rest is float32 */
    bool is_adapted;           /* LoRA changes it */
    size_t only_where;         /* 1 + the switch that it depends on; 0: always there */
    float (*to_gguf)(float);   /* how GGUF has its values; NULL: as they are */
    float (*from_gguf)(float); /* the other way round */
    bool gguf_zeros;           /* GGUF needs zeros where a layer lacks it */
};

/* ---- Weights: what the operations read ---- */

enum dm_weight_use {
    DM_WEIGHT_VECTOR,   /* a dm_real *: the parameter as it is */
    DM_WEIGHT_ARRANGED, /* a dm_real *: the parameter as `arrange` lays it out */
    DM_WEIGHT_MATRIX    /* a struct dm_matrix *: rows [row, row + n_out) of the parameter */
};

struct dm_weight_row {
    size_t parameter; /* the kind's row */
    enum dm_weight_use use;
    size_t offset; /* of its pointer in the kind's struct of weights */
    size_t row, n_out, n_in;
    bool exact; /* its product runs in float32, whatever type the others run in */
    void (*arrange)(const struct dm_layer_config *config, const dm_real *parameter, dm_real *out);
};

/* ---- Buffers: activations of a layer ---- */

enum dm_life {
    DM_LIFE_SCRATCH = 1,   /* overwritten by the next layer */
    DM_LIFE_PER_LAYER = 2, /* kept for the backward pass */
    DM_LIFE_RECOMPUTED = 4 /* kept, or scratch where the backward pass recomputes it */
};

enum dm_part {
    DM_PART_INPUT = 1,  /* rows of all tokens, which `outputs` does not read */
    DM_PART_HANDED = 2, /* what `outputs` reads: reduced to the kept tokens at the cut */
    DM_PART_SCAN = 4
};

struct dm_buffer_row {
    size_t width, n_row; /* of reals; width 0: not needed here, */
    size_t same_as;      /* but an alias of buffer same_as - 1; 0: of none */
    enum dm_life life;
    enum dm_part part;
    bool carried;     /* the token pool keeps its rows across the cut */
    const char *what; /* "Delta of": its name in the NaN check; NULL: not checked */
};

/* What a layer's buffers have to hold. */
struct dm_buffer_use {
    size_t n_token, n_sequence;
    bool training; /* a backward pass follows */
    bool sliced;   /* layers run by slices of channels */
};

/* ---- States: what a layer remembers of a sequence ---- */

struct dm_state_row {
    const char *name; /* in a session file */
    bool after_cut;   /* advanced by `outputs`, over the kept tokens; else by `inputs` */
    size_t scales;    /* 1 + the state that this one's numbers multiply, each an equal share, where
                         they are not 0; 0: none */
};

/* ---- The table ---- */

struct dm_layer_kind {
    const char *name;

    /* Whose models have layers of this kind alone: transformers' "model_type"s, the last NULL, and
     * "layer" in state-spaces' ssm_cfg. NULL: only "layer_types" brings such layers. The other keys
     * there are arguments of the official class, which takes those of this list, the last NULL. */
    const char *const *model_types;
    const char *official_layer;
    const char *const *official_arguments;
    bool untied; /* transformers' heads are separate where config.json does not say */

    /* Sizes. `configure` reads them; d_model, n_layer and rms_norm_eps are set before. `describe`
     * writes them into a config.json of transformers' dialect (false: memory is short). */
    const struct dm_size_row *sizes;
    size_t n_size;
    const struct dm_real_row *reals;
    size_t n_real;
    dm_status (*configure)(const struct dm_config_source *source, struct dm_layer_config *config,
                           dm_error *error);
    bool (*describe)(const struct dm_layer_config *config, json_t *object);
    /* Sets what a GGUF file of the architecture with the kind's name has no key for; sizes that
     * have a name there are set. NULL: there is no such architecture. */
    void (*fill_from_gguf)(struct dm_layer_config *config);
    /* What transformers calls a model of such layers. */
    struct dm_model_names (*names)(const struct dm_layer_config *config);

    /* How many steps Delta has for a token: one for each channel, or head. NULL: there is no Delta. */
    size_t (*n_step)(const struct dm_layer_config *config);

    /* Parameters; row 0 is the RMSNorm before the layer. `draw`: the initial value of element i,
     * each parameter's in order. */
    const struct dm_parameter_row *parameters;
    size_t n_parameter;
    struct dm_shape (*shape)(const struct dm_layer_config *config, size_t parameter);
    /* The factor by which GGUF has a parameter (NULL: 1), and in what shape (NULL: as `shape`, without
     * the 1 of a convolution); and an error where llama.cpp cannot hold the layer (NULL: it always
     * can). */
    double (*gguf_scale)(const struct dm_layer_config *config, size_t parameter);
    struct dm_shape (*gguf_shape)(const struct dm_layer_config *config, size_t parameter);
    dm_status (*check_gguf)(const struct dm_layer_config *config, const char *directory,
                            dm_error *error);
    double (*draw)(const struct dm_layer_config *config, const struct dm_initial_ranges *ranges,
                   size_t parameter, size_t i, struct dm_random *random);

    /* Weights: fills `rows`, and returns how many. */
    size_t weights_size;
    size_t (*weights)(const struct dm_layer_config *config,
                      struct dm_weight_row rows[DM_MAX_WEIGHT]);

    /* Buffers, in the order of the kind's enum, and those of the backward pass. */
    size_t (*buffers)(const struct dm_layer_config *config, const struct dm_buffer_use *use,
                      struct dm_buffer_row rows[DM_MAX_BUFFER]);
    size_t (*gradients)(const struct dm_layer_config *config, size_t n_token,
                        struct dm_buffer_row rows[DM_MAX_BUFFER]);

    const struct dm_state_row *states;
    size_t n_state;
    struct dm_shape (*state_shape)(const struct dm_layer_config *config, size_t state);

    /* The forward pass. `delta` NULL: the kind has no step, so no token can be scored by it. */
    dm_status (*inputs)(const struct dm_batch *batch, size_t layer, dm_error *error);
    dm_status (*delta)(const struct dm_batch *batch, size_t layer, dm_error *error);
    dm_status (*outputs)(const struct dm_batch *batch, size_t layer, dm_error *error);
    /* delta and outputs fused, by slices of channels that stay in a cache, with the same bits;
     * NULL: the kind cannot. For batches with scratch for slices, whose Delta nothing else
     * reads. */
    dm_status (*rest)(const struct dm_batch *batch, size_t layer, dm_error *error);
    /* outputs without the last product: recomputes what the backward pass reads and was not
     * kept. */
    dm_status (*restore)(const struct dm_batch *batch, size_t layer, dm_error *error);
    /* The scratch that slices of this layer take; false: it cannot be cut into slices. */
    bool (*plan_slices)(const struct dm_layer *layer, const struct dm_matmul_backend *matmul,
                        struct dm_slice_plan *plan);

    /* The backward pass, over the kept tokens, then over all: see layers/backward.h. */
    dm_status (*outputs_back)(const struct dm_layer_back *back);
    dm_status (*inputs_back)(const struct dm_layer_back *back);

    /* Steps [n_token, n_step] of the batch, as scores read them. */
    const dm_real *(*steps)(const struct dm_batch *batch, size_t layer);
    /* Fills what a probe sees of the rows from `row` on. */
    void (*show)(const struct dm_batch *batch, size_t layer, size_t row, dm_probe_view *view);
    /* Which of enum dm_adjustable such layers heed, and A [*n_row, channels] for who changes it. */
    unsigned adjusts;
    const dm_real *(*A)(const struct dm_layer *layer, size_t *n_row, size_t *n_channel);
    /* For calibration: rate[c] = the slowest decay of channel c for a step of 1. */
    void (*slowest_decay)(const struct dm_layer *layer, double *rate);
};

/* The size of this name; 0: the kind has none. */
size_t dm_layer_size(const struct dm_layer_config *config, const char *name);
/* Steps of a token's Delta; 0: there is none. */
size_t dm_layer_n_step(const struct dm_layer_config *config);
/* Does the layer have this parameter? */
bool dm_layer_has(const struct dm_layer_config *config, size_t parameter);
size_t dm_shape_n_element(struct dm_shape shape);

static inline struct dm_shape dm_vector_shape(size_t n) {
    return (struct dm_shape){.n_dim = 1, .size = {n}};
}
static inline struct dm_shape dm_matrix_shape(size_t n_row, size_t n_column) {
    return (struct dm_shape){.n_dim = 2, .size = {n_row, n_column}};
}

#endif
