/* Mamba-1, with FalconMamba's norms:
 *     residual += out_proj(scan(u, Delta, A, B, C, D) * silu(z))
 *     x, z = in_proj(norm(residual));  u = silu(conv(x));  dt, B, C = x_proj(u)
 *     Delta = softplus(dt_proj(dt) + dt_bias)
 * Source: Gu & Dao 2023, figure 3 and Algorithm 2. FalconMamba: dt, B and C each pass an RMSNorm
 * without weight.
 *
 * mamba.c is the table; forward.c runs one operation after the other, slices.c the same by slices
 * of channels; backward.c is the backward pass; recurrences.c describes convolution and scan for
 * all three. */
#ifndef DM_LAYERS_MAMBA_MAMBA_H
#define DM_LAYERS_MAMBA_MAMBA_H

#include "layers/network.h"

extern const struct dm_layer_kind dm_mamba;

enum mamba_size { D_INNER, D_STATE, D_CONV, DT_RANK, CONV_BIAS, PROJECTION_BIAS, DT_B_C_RMS };
enum mamba_real { RMS_EPSILON }; /* of the norms of dt, B and C */

/* Rows of the parameters. */
enum mamba_parameter {
    NORM,
    IN_PROJ,
    IN_PROJ_BIAS,
    CONV_WEIGHT,
    CONV_BIAS_VALUES,
    X_PROJ,
    DT_PROJ,
    DT_BIAS,
    A_LOG,
    D_VALUES,
    OUT_PROJ,
    OUT_PROJ_BIAS,
    N_MAMBA_PARAMETER
};

/* What the operations read. */
struct mamba_weights {
    struct dm_matrix *in_x, *in_z; /* [d_inner, d_model]: the halves of in_proj */
    struct dm_matrix *x_dt, *x_BC; /* [dt_rank, d_inner], [2 * d_state, d_inner]: of x_proj */
    struct dm_matrix *dt_proj;     /* [d_inner, dt_rank] */
    struct dm_matrix *out_proj;    /* [d_model, d_inner] */
    dm_real *in_bias;              /* [2 * d_inner], or NULL */
    dm_real *conv_weight;          /* [d_conv, d_inner] */
    dm_real *conv_bias;            /* [d_inner], or NULL */
    dm_real *dt_bias;              /* [d_inner] */
    dm_real *A;                    /* [d_state, d_inner]: -exp(A_log), finite */
    dm_real *D;                    /* [d_inner] */
    dm_real *out_bias;             /* [d_model], or NULL */
};

/* Rows of the weights: the matrices, in the order of the struct. */
enum mamba_product { IN_X, IN_Z, X_DT, X_BC, DT_MATRIX, OUT_MATRIX };

enum mamba_buffer {
    X,      /* [n_token, d_inner], in_proj's first half; by slices: not stored */
    U,      /* [n_token, d_inner], after convolution and SiLU */
    RAW_DT, /* x_proj's output: aliases of dt and BC, unless norms come between and the backward
               pass needs both */
    RAW_BC,
    DT,         /* [n_token, dt_rank] */
    BC,         /* [n_token, 2 * d_state] */
    DELTA,      /* [n_token, d_inner] */
    Z,          /* [n_token, d_inner], the gate */
    Y,          /* [n_token, d_inner], out_proj's input; reading: an alias of z */
    CHECKPOINTS /* of the scan, for the backward pass */
};

enum mamba_gradient {
    WIDE_0, /* [n_token, d_inner] each */
    WIDE_1,
    WIDE_2,
    GRADIENT_DT, /* [n_token, dt_rank] */
    GRADIENT_BC, /* [n_token, 2 * d_state] */
    GRADIENT_RAW_DT,
    GRADIENT_RAW_BC, /* the same, where norms lie between */
    BC_PARTS,        /* see struct dm_selective_scan_grad */
    GRADIENT_CONV,   /* [d_conv, d_inner] */
    GRADIENT_A       /* [d_state, d_inner] */
};

enum mamba_state { CONV_STATE, SSM_STATE };

static inline const struct mamba_weights *mamba_weights_of(const struct dm_batch *batch,
                                                           size_t layer) {
    return batch->network->layers[layer].weights;
}
static inline const size_t *mamba_sizes_of(const struct dm_batch *batch, size_t layer) {
    return batch->network->layers[layer].config->size;
}

/* ---- recurrences.c: convolution and scan, described once for the forward pass (whole or by slices)
 * and the backward pass; the views hold the channels to compute ---- */

struct dm_causal_conv1d dm_mamba_conv(const struct dm_batch *batch, size_t layer,
                                      struct dm_channel_view x);
struct dm_selective_scan dm_mamba_scan(const struct dm_batch *batch, size_t layer,
                                       struct dm_channel_view delta, struct dm_channel_view z);
/* The scan of channels first .. first + n - 1, on the thread that calls; of all channels, on all
 * threads. Who changes the state is called in between. */
void dm_mamba_scan_channels(const struct dm_batch *batch, size_t layer,
                            const struct dm_selective_scan *scan, size_t first, size_t n);
void dm_mamba_scan_all(const struct dm_batch *batch, size_t layer,
                       const struct dm_selective_scan *scan);

/* ---- The parts of a layer: see layers/layer.h ---- */

/* forward.c */
dm_status dm_mamba_inputs(const struct dm_batch *batch, size_t layer, dm_error *error);
dm_status dm_mamba_delta(const struct dm_batch *batch, size_t layer, dm_error *error);
dm_status dm_mamba_outputs(const struct dm_batch *batch, size_t layer, dm_error *error);
dm_status dm_mamba_gated_scan(const struct dm_batch *batch, size_t layer, dm_error *error);

/* slices.c */
bool dm_mamba_plan_slices(const struct dm_layer *layer, const struct dm_matmul_backend *matmul,
                          struct dm_slice_plan *plan);
/* in_proj's x, convolution and SiLU -> u. */
dm_status dm_mamba_sliced_inputs(const struct dm_batch *batch, size_t layer, dm_error *error);
/* u, dt, BC -> dt_proj, softplus, in_proj's z, scan, gate and out_proj. */
dm_status dm_mamba_sliced_rest(const struct dm_batch *batch, size_t layer, dm_error *error);

/* backward.c */
dm_status dm_mamba_outputs_back(const struct dm_layer_back *back);
dm_status dm_mamba_inputs_back(const struct dm_layer_back *back);

#endif
