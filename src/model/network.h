/* A network's weights, ready for the operations: what reading and training share. */
#ifndef DM_MODEL_NETWORK_H
#define DM_MODEL_NETWORK_H

#include "checkpoint/model_config.h"
#include "ops/ops.h"

struct dm_layer {
    dm_real *norm;                    /* [d_model] */
    struct dm_matrix *in_x, *in_z;    /* [d_inner, d_model]: the halves of in_proj */
    dm_real *in_bias;                 /* [2 * d_inner], or NULL */
    dm_real *conv_weight, *conv_bias; /* [d_conv, d_inner]; [d_inner] or NULL */
    struct dm_matrix *x_dt, *x_BC;    /* [dt_rank, d_inner], [2 * d_state, d_inner]: of x_proj */
    struct dm_matrix *dt_proj;        /* [d_inner, dt_rank] */
    dm_real *dt_bias;                 /* [d_inner] */
    dm_real *A;                       /* [d_state, d_inner]: -exp(A_log) */
    dm_real *D;                       /* [d_inner] */
    struct dm_matrix *out_proj;       /* [d_model, d_inner] */
    dm_real *out_bias;                /* [d_model], or NULL */
};

struct dm_network {
    struct dm_model_config config;
    struct dm_ops ops;
    struct dm_threads *threads;
    const void *embedding; /* [vocab_size, d_model] of embedding_dtype, possibly unaligned */
    dm_dtype embedding_dtype;
    struct dm_layer *layers; /* [n_layer] */
    dm_real *final_norm;     /* [d_model] */
    struct dm_matrix *head;  /* [vocab_size, d_model] */
};

#endif
