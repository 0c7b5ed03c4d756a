/* The buffers that a chunk of tokens passes through: one table, one allocation. */
#ifndef DM_MODEL_ACTIVATIONS_H
#define DM_MODEL_ACTIVATIONS_H

#include "checkpoint/model_config.h"

struct dm_activations {
    struct dm_activations *next; /* in the model's list of those that nobody uses */
    size_t capacity;             /* tokens, and sequences, at most */
    unsigned char *arena;
    float *residual; /* [n_token, d_model] */
    float *normed;   /* [n_token, d_model] */
    float *x;        /* [n_token, d_inner], in_proj's first half */
    float *u;        /* [n_token, d_inner], after convolution and SiLU */
    float *z;        /* [n_token, d_inner], the gate; then the mixer's output before out_proj */
    float *dt;       /* [n_token, dt_rank] */
    float *BC;       /* [n_token, 2 * d_state] */
    float *delta;    /* [n_token, d_inner] */
    float *score;    /* [n_token] */
    size_t *start;   /* [n_sequence + 1] */
    int32_t *ids;    /* [n_token] */
    float **conv_state, **ssm_state; /* [n_sequence], of the layer at work */
};

/* Bytes of the arena for `capacity` tokens; false when they overflow. */
bool dm_activations_bytes(const struct dm_model_config *config, size_t capacity, size_t *n_byte);
dm_status dm_activations_new(const struct dm_model_config *config, size_t capacity,
                             struct dm_activations **activations, dm_error *error);
void dm_activations_free(struct dm_activations *activations);

#endif
