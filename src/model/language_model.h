/* A loaded model: weights ready for the operations, and the forward pass over packed batches. */
#ifndef DM_MODEL_LANGUAGE_MODEL_H
#define DM_MODEL_LANGUAGE_MODEL_H

#include <pthread.h>

#include "backends/cpu.h"
#include "checkpoint/checkpoint.h"
#include "context/calibration.h"
#include "model/activations.h"
#include "model/state.h"

struct dm_layer {
    float *norm;                    /* [d_model] */
    struct dm_matrix *in_x, *in_z;  /* [d_inner, d_model]: the halves of in_proj */
    float *in_bias;                 /* [2 * d_inner], or NULL */
    float *conv_weight, *conv_bias; /* [d_conv, d_inner]; [d_inner] or NULL */
    struct dm_matrix *x_dt, *x_BC;  /* [dt_rank, d_inner], [2 * d_state, d_inner]: x_proj's parts */
    struct dm_matrix *dt_proj;      /* [d_inner, dt_rank] */
    float *dt_bias;                 /* [d_inner] */
    float *A;                       /* [d_state, d_inner]: -exp(A_log) */
    float *D;                       /* [d_inner] */
    struct dm_matrix *out_proj;     /* [d_model, d_inner] */
    float *out_bias;                /* [d_model], or NULL */
};

/* Immutable after loading, but for the list of activations. */
struct dm_model {
    struct dm_checkpoint *checkpoint;
    struct dm_model_config config;
    struct dm_ops ops;
    struct dm_threads *threads;
    dm_dtype compute;
    struct dm_weight embedding;
    struct dm_layer *layers;
    float *final_norm; /* [d_model] */
    struct dm_matrix *head;
    struct dm_calibration *calibration; /* NULL: no decimamba.json */
    size_t n_parameter, weight_bytes, packed_bytes;
    size_t chunk; /* tokens that pass through the layers at once */
    pthread_mutex_t mutex;
    struct dm_activations *free_activations;
};

dm_status dm_language_model_load(const char *directory, const dm_model_options *options,
                                 struct dm_model **model, dm_error *error);
void dm_language_model_free(struct dm_model *model);

/* Activations for `model->chunk` tokens; given back after use. */
dm_status dm_model_take_activations(const struct dm_model *model,
                                    struct dm_activations **activations, dm_error *error);
void dm_model_give_back_activations(const struct dm_model *model,
                                    struct dm_activations *activations);

#endif
