/* The buffers that a chunk of tokens passes through: one table, one allocation. */
#ifndef DM_MODEL_ACTIVATIONS_H
#define DM_MODEL_ACTIVATIONS_H

#include "checkpoint/model_config.h"
#include "ops/real.h"

struct dm_activations {
    struct dm_activations *next; /* in the model's list of those that nobody uses */
    size_t capacity;             /* tokens, and sequences, at most */
    unsigned char *arena;
    dm_real *residual; /* [n_token, d_model] */
    dm_real *normed;   /* [n_token, d_model] */
    dm_real *x;        /* [n_token, d_inner], in_proj's first half */
    dm_real *u;        /* [n_token, d_inner], after convolution and SiLU */
    dm_real *z;        /* [n_token, d_inner], the gate */
    dm_real *y;        /* [n_token, d_inner], the mixer's output before out_proj; reading: z */
    dm_real *raw_dt, *raw_BC; /* x_proj's output; dt and BC themselves, where norms run in place */
    dm_real *dt;              /* [n_token, dt_rank] */
    dm_real *BC;              /* [n_token, 2 * d_state] */
    dm_real *delta;           /* [n_token, d_inner] */
    dm_real *checkpoints;     /* of the scan, for training; reading: NULL */
    dm_real *score;           /* [n_token] */
    size_t *start;            /* [n_sequence + 1] */
    int32_t *ids;             /* [n_token] */
    dm_real **conv_state, **ssm_state; /* [n_sequence], of the layer at work */
};

/* Bytes of the arena for `capacity` tokens; false when they overflow. */
bool dm_activations_bytes(const struct dm_model_config *config, size_t capacity, size_t *n_byte);
dm_status dm_activations_new(const struct dm_model_config *config, size_t capacity,
                             struct dm_activations **activations, dm_error *error);
void dm_activations_free(struct dm_activations *activations);

#endif
