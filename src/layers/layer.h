/* A kind of layer, as one table: what its layers are made of, and what they do with tokens.
 *
 * A network is a list of layers, each of some kind and with its own sizes. Everything that is not
 * in a kind's own folder walks these tables and knows no kind by name: the checkpoint its
 * parameters, reading and training its buffers and states, the session file and the token pool what
 * is carried, the probe and the check what there is to see.
 *
 * A layer reads the residual, which the network has normed (`normed`), and adds to it. It comes in
 * three parts, so that tokens can be dropped between the second and the third:
 *
 *     inputs    normed -> the buffers that are CARRIED;  moves the states on that lie before the cut
 *     delta     these -> the step of each token, by which it is scored: token by token, no state
 *     outputs   normed, CARRIED, delta -> residual += ...; moves the states after the cut on
 */
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
    DM_MAX_SIZE = 8,       /* a kind's sizes */
    DM_MAX_REAL = 2,       /* and numbers that are not whole */
    DM_MAX_PARAMETER = 12, /* a layer's parameters */
    DM_MAX_WEIGHT = 16,    /* what operations read of them */
    DM_MAX_BUFFER = 16,
    DM_MAX_STATE = 2,
    DM_MAX_DIM = 3
};

/* ---- Sizes ---- */

/* The sizes of a layer: `size` and `real` are counted by the kind's own enum. */
struct dm_layer_config {
    const struct dm_layer_kind *kind;
    size_t d_model, n_layer; /* the network's */
    double norm_epsilon;     /* of the RMSNorm before the layer */
    size_t size[DM_MAX_SIZE];
    double real[DM_MAX_REAL];
};

/* A switch that config.json is silent about: the tensors decide. */
#define DM_UNSAID SIZE_MAX

struct dm_size_row {
    const char *name; /* as struct dm_model_info has it; for messages and `dm_layer_size` */
    const char *gguf; /* below the architecture's name; NULL: not in the file */
    bool is_switch;   /* 0 or 1 */
};

struct dm_real_row {
    const char *name;  /* in config.json */
    size_t only_where; /* 1 + the switch without which it means nothing; 0: always */
};

struct dm_model_names {
    const char *model_type, *architecture;
};

/* ---- Parameters: what a checkpoint holds of a layer ---- */

struct dm_shape {
    size_t n_dim, size[DM_MAX_DIM];
};

struct dm_parameter_row {
    const char *name;        /* below backbone.layers.<i>. */
    const char *gguf;        /* below blk.<i>.; NULL: llama.cpp has no place for it */
    bool is_matrix;          /* stored in the type asked for, and decays; the rest is float32 */
    bool is_adapted;         /* LoRA changes it */
    size_t only_where;       /* 1 + the switch that says whether the layer has it; 0: always */
    float (*to_gguf)(float); /* how GGUF has its values; NULL: as they are */
    bool gguf_zeros;         /* GGUF has zeros where a layer has none */
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
    bool exact; /* a product in float32, whatever type the others run in */
    void (*arrange)(const struct dm_layer_config *config, const dm_real *parameter, dm_real *out);
};

/* ---- Buffers: what tokens leave in a layer ---- */

enum dm_life {
    DM_LIFE_SCRATCH = 1, /* gone when the next layer runs */
    DM_LIFE_PER_LAYER = 2,
    DM_LIFE_RECOMPUTED = 4 /* per layer, or scratch when the backward pass computes it again */
};

enum dm_part {
    DM_PART_INPUT = 1,  /* the residual that enters, and what no later part reads */
    DM_PART_HANDED = 2, /* what the last part reads: cut to the kept tokens in between */
    DM_PART_SCAN = 4
};

struct dm_buffer_row {
    size_t width, n_row; /* reals; width 0: not needed, */
    size_t same_as;      /* and 1 + the buffer that it then is; 0: none */
    enum dm_life life;
    enum dm_part part;
    bool carried;     /* a session keeps it of a token that may yet be kept */
    const char *what; /* "Delta of": it is looked at for NaN and named so; NULL: not looked at */
};

/* What a layer's buffers are for. */
struct dm_buffer_use {
    size_t n_token, n_sequence;
    bool training; /* a backward pass reads them */
    bool sliced;   /* read by slices of channels */
};

/* ---- States: what a sequence leaves in a layer ---- */

struct dm_state_row {
    const char *name; /* in a session file */
    bool after_cut;   /* moved on by `outputs`, over the tokens that are kept; else by `inputs` */
};

/* ---- The table ---- */

struct dm_layer_kind {
    const char *name;

    /* Sizes. `configure` reads them, with d_model, n_layer and norm_epsilon there already;
     * `describe` writes them into a config.json of transformers' dialect (false: memory is short). */
    const struct dm_size_row *sizes;
    size_t n_size;
    const struct dm_real_row *reals;
    size_t n_real;
    dm_status (*configure)(const struct dm_config_source *source, struct dm_layer_config *config,
                           dm_error *error);
    bool (*describe)(const struct dm_layer_config *config, json_t *object);
    /* What transformers calls a model of such layers. */
    struct dm_model_names (*names)(const struct dm_layer_config *config);

    /* Parameters; row 0 is the RMSNorm before the layer. `draw`: element i of an initial value. */
    const struct dm_parameter_row *parameters;
    size_t n_parameter;
    struct dm_shape (*shape)(const struct dm_layer_config *config, size_t parameter);
    /* What llama.cpp wants a parameter multiplied with; and what it has no place for. NULL: 1; nothing. */
    double (*gguf_scale)(const struct dm_layer_config *config, size_t parameter);
    dm_status (*check_gguf)(const struct dm_layer_config *config, const char *directory,
                            dm_error *error);
    double (*draw)(const struct dm_layer_config *config, double initializer_range, size_t parameter,
                   size_t i, struct dm_random *random);

    /* Weights: fills rows and returns how many. */
    size_t weights_size;
    size_t (*weights)(const struct dm_layer_config *config,
                      struct dm_weight_row rows[DM_MAX_WEIGHT]);

    /* Buffers, in the order of the kind's enum, and those of the way back. */
    size_t (*buffers)(const struct dm_layer_config *config, const struct dm_buffer_use *use,
                      struct dm_buffer_row rows[DM_MAX_BUFFER]);
    size_t (*gradients)(const struct dm_layer_config *config, size_t n_token,
                        struct dm_buffer_row rows[DM_MAX_BUFFER]);

    const struct dm_state_row *states;
    size_t n_state;
    struct dm_shape (*state_shape)(const struct dm_layer_config *config, size_t state);

    /* Tokens. `delta` NULL: nothing to score by, so no token can be dropped by its step. */
    dm_status (*inputs)(const struct dm_batch *batch, size_t layer, dm_error *error);
    dm_status (*delta)(const struct dm_batch *batch, size_t layer, dm_error *error);
    dm_status (*outputs)(const struct dm_batch *batch, size_t layer, dm_error *error);
    /* delta and outputs at once, by slices of channels that stay in a cache, with the same bits;
     * NULL: never. Where the batch has room for slices, and nobody looks at all of Delta. */
    dm_status (*rest)(const struct dm_batch *batch, size_t layer, dm_error *error);
    /* outputs without the last product: what the way back reads and was not kept. */
    dm_status (*restore)(const struct dm_batch *batch, size_t layer, dm_error *error);
    /* Room for slices in such layers; false: this one cannot be cut into slices. */
    bool (*plan_slices)(const struct dm_layer *layer, const struct dm_matmul_backend *matmul,
                        struct dm_slice_plan *plan);

    /* The way back, over the tokens that were kept, then over all: see layers/backward.h. */
    dm_status (*outputs_back)(const struct dm_layer_back *back);
    dm_status (*inputs_back)(const struct dm_layer_back *back);

    /* [*width] steps of the batch's first row, as the score reads them; rows follow each other. */
    const dm_real *(*steps)(const struct dm_batch *batch, size_t layer, size_t *width);
    /* What a probe is shown of the rows from `row` on. */
    void (*show)(const struct dm_batch *batch, size_t layer, size_t row, dm_probe_view *view);
    /* Which of enum dm_adjustable such layers heed, and A [*n_row, channels] for who changes it. */
    unsigned adjusts;
    const dm_real *(*A)(const struct dm_layer *layer, size_t *n_row, size_t *n_channel);
    /* rate[c] = the slowest decay of channel c for a step of 1: for calibration. */
    void (*slowest_decay)(const struct dm_layer *layer, double *rate);
};

/* The size of this name; 0: the kind has no such. */
size_t dm_layer_size(const struct dm_layer_config *config, const char *name);
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
