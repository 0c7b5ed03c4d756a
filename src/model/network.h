/* A network's weights, ready for the operations: what reading and training share. */
#ifndef DM_MODEL_NETWORK_H
#define DM_MODEL_NETWORK_H

#include "checkpoint/parameters.h"
#include "model/activations.h"
#include "model/clocks.h"
#include "ops/ops.h"

/* The matrices of a layer. */
struct dm_projections {
    struct dm_matrix *in_x, *in_z; /* [d_inner, d_model]: the halves of in_proj */
    struct dm_matrix *x_dt, *x_BC; /* [dt_rank, d_inner], [2 * d_state, d_inner]: of x_proj */
    struct dm_matrix *dt_proj;     /* [d_inner, dt_rank] */
    struct dm_matrix *out_proj;    /* [d_model, d_inner] */
};

/* Where one of them comes from: rows [row, row + n_out) of a parameter. */
struct dm_projection {
    enum dm_parameter parameter;
    size_t row, n_out, n_in;
    dm_dtype compute;
    size_t offset; /* of its pointer in struct dm_projections */
};
enum { DM_N_PROJECTION = 6 };

/* `compute` is what the large ones run in. x_proj and dt_proj stay in float32 whatever that is:
 * they make Delta, and Delta decides which tokens are kept. */
void dm_list_projections(const struct dm_model_config *config, dm_dtype compute,
                         struct dm_projection list[DM_N_PROJECTION]);
static inline struct dm_matrix **dm_projection_in(const struct dm_projections *projections,
                                                  const struct dm_projection *one) {
    return (struct dm_matrix **)((uintptr_t)projections + one->offset);
}

struct dm_layer {
    struct dm_projections project;
    dm_real *norm;                    /* [d_model] */
    dm_real *in_bias;                 /* [2 * d_inner], or NULL */
    dm_real *conv_weight, *conv_bias; /* [d_conv, d_inner]; [d_inner] or NULL */
    dm_real *dt_bias;                 /* [d_inner] */
    dm_real *A;                       /* [d_state, d_inner]: -exp(A_log), finite */
    dm_real *D;                       /* [d_inner] */
    dm_real *out_bias;                /* [d_model], or NULL */
};

/* Fills conv_weight and A, which have room, from what a checkpoint holds: conv1d [d_inner, d_conv]
 * and A_log [d_inner, d_state]. */
void dm_layer_lay_out(const struct dm_model_config *config, const dm_real *conv1d,
                      const dm_real *A_log, struct dm_layer *layer);

struct dm_network {
    struct dm_model_config config;
    struct dm_ops ops;
    struct dm_threads *threads;
    const void *embedding; /* [vocab_size, d_model] of embedding_dtype, possibly unaligned */
    dm_dtype embedding_dtype;
    struct dm_layer *layers; /* [n_layer] */
    dm_real *final_norm;     /* [d_model] */
    struct dm_matrix *head;  /* [vocab_size, d_model] */
    struct dm_walk_room walk;
    struct dm_clocks *clocks; /* NULL: nobody wants to know */
};

#endif
