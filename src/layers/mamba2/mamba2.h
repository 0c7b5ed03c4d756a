/* Mamba-2:
 *     residual += out_proj(gated_norm(scan(x, Delta, A, B, C, D), z))
 *     z, xBC, dt = in_proj(norm(residual));   x, B, C = silu(conv(xBC))
 *     Delta = softplus(dt + dt_bias), within dt's limits
 * Source: Dao & Gu 2024, section 7; official Mamba2 class. Where d_ssm is less than d_inner, the rest
 * is a gated MLP beside the scan: in_proj begins with its gate and its values, out_proj with
 * silu(gate) * values.
 *
 * mamba2.c is the table, config.c its sizes, forward.c and backward.c the passes. */
#ifndef DM_LAYERS_MAMBA2_MAMBA2_H
#define DM_LAYERS_MAMBA2_MAMBA2_H

#include "layers/network.h"

extern const struct dm_layer_kind dm_mamba2;

enum mamba2_size {
    D_INNER, /* out_proj's inputs */
    D_SSM,   /* those of the scan: n_head * head_dim */
    D_STATE,
    D_CONV,
    N_HEAD,
    N_GROUP,
    CONV_BIAS,
    PROJECTION_BIAS,
    GATED_NORM, /* 0: a gate without norm */
    NORM_FIRST, /* the norm before the gate */
    D_BY_CHANNEL
};
enum mamba2_real { NORM_EPSILON, DT_MIN, DT_MAX }; /* of the gated norm; Delta's limits */

static inline size_t mamba2_conv_width(const size_t *size) {
    return size[D_SSM] + 2 * size[N_GROUP] * size[D_STATE];
}
static inline size_t mamba2_mlp_width(const size_t *size) {
    return size[D_INNER] - size[D_SSM];
}

/* Rows of the parameters. */
enum mamba2_parameter {
    NORM,
    IN_PROJ,
    IN_PROJ_BIAS,
    CONV_WEIGHT,
    CONV_BIAS_VALUES,
    DT_BIAS,
    A_LOG,
    D_VALUES,
    GATE_NORM,
    OUT_PROJ,
    OUT_PROJ_BIAS,
    N_MAMBA2_PARAMETER
};

/* What the operations read. */
struct mamba2_weights {
    struct dm_matrix *in_z, *in_xBC, *in_dt; /* parts of in_proj */
    struct dm_matrix *out_proj;              /* [d_model, d_inner] */
    struct dm_matrix *in_mlp;                /* the MLP's gate and values, or NULL */
    dm_real *in_bias;                        /* of in_proj's rows, or NULL */
    dm_real *conv_weight;                    /* [d_conv, conv width] */
    dm_real *conv_bias;                      /* [conv width], or NULL */
    dm_real *dt_bias;                        /* [n_head] */
    dm_real *A;                              /* [n_head]: -exp(A_log), finite */
    dm_real *D;                              /* [n_head], or [d_ssm] where each channel has one */
    dm_real *gate_norm;                      /* [d_ssm], or NULL */
    dm_real *out_bias;                       /* [d_model], or NULL */
};

/* Rows of the weights: the matrices, in the order of the struct. */
enum mamba2_product { IN_Z, IN_XBC, IN_DT, OUT_MATRIX, IN_MLP, N_MATRIX };

enum mamba2_buffer {
    RAW_XBC, /* [n_token, conv width], of in_proj */
    XBC,     /* the same after convolution and SiLU */
    DT,      /* [n_token, n_head], of in_proj */
    DELTA,   /* [n_token, n_head] */
    Z,       /* [n_token, d_ssm], the gate */
    SCANNED, /* [n_token, d_ssm] */
    MLP,     /* [n_token, 2 * mlp width]: gate, values */
    Y, /* [n_token, d_inner], out_proj's input; reading: an alias of z, unless there is an MLP */
    CHECKPOINTS /* of the scan, for the backward pass */
};

enum mamba2_gradient {
    GRADIENT_Y, /* each as the buffer */
    GRADIENT_Z,
    GRADIENT_SCANNED,
    GRADIENT_MLP,
    GRADIENT_XBC,
    GRADIENT_RAW_XBC,
    GRADIENT_DELTA,
    GRADIENT_ALL_XBC, /* those of all tokens, where some were dropped */
    GRADIENT_ALL_DT,
    BC_PARTS,        /* see struct dm_head_scan_grad */
    GRADIENT_CONV,   /* [d_conv, conv width] */
    GRADIENT_A,      /* [n_head] */
    GRADIENT_UNUSED, /* [d_inner]: takes what is frozen */
    RSTD             /* [n_token, n_group], of the gated norm */
};

enum mamba2_state { CONV_STATE, SSM_STATE, SSM_SCALE };

static inline const struct mamba2_weights *mamba2_weights_of(const struct dm_batch *batch,
                                                             size_t layer) {
    return batch->network->layers[layer].weights;
}
static inline const size_t *mamba2_sizes_of(const struct dm_batch *batch, size_t layer) {
    return batch->network->layers[layer].config->size;
}

/* config.c */
extern const struct dm_size_row dm_mamba2_sizes[];
extern const struct dm_real_row dm_mamba2_reals[];
dm_status dm_mamba2_configure(const struct dm_config_source *source, struct dm_layer_config *config,
                              dm_error *error);
bool dm_mamba2_describe(const struct dm_layer_config *config, json_t *object);

/* ---- Operations, described once for both passes ---- */

/* forward.c */
struct dm_causal_conv1d dm_mamba2_conv(const struct dm_batch *batch, size_t layer);
struct dm_head_scan dm_mamba2_scan(const struct dm_batch *batch, size_t layer);
struct dm_gated_norm dm_mamba2_gate(const struct dm_batch *batch, size_t layer);
struct dm_gated_norm dm_mamba2_mlp(const struct dm_batch *batch, size_t layer);

/* ---- The parts of a layer: see layers/layer.h ---- */

dm_status dm_mamba2_inputs(const struct dm_batch *batch, size_t layer, dm_error *error);
dm_status dm_mamba2_delta(const struct dm_batch *batch, size_t layer, dm_error *error);
dm_status dm_mamba2_outputs(const struct dm_batch *batch, size_t layer, dm_error *error);
dm_status dm_mamba2_gated_scan(const struct dm_batch *batch, size_t layer, dm_error *error);

/* backward.c */
dm_status dm_mamba2_outputs_back(const struct dm_layer_back *back);
dm_status dm_mamba2_inputs_back(const struct dm_layer_back *back);

#endif
