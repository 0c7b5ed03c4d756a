/* The buffers that tokens pass through: one table, in which each buffer has a life.
 *
 * Reading points every layer at the same buffers. Training gives each layer its own of those that
 * its backward pass reads, and the scratch to all of them; with recomputing, it keeps a layer's
 * residual alone, and what is RECOMPUTED is scratch too. */
#ifndef DM_MODEL_ACTIVATIONS_H
#define DM_MODEL_ACTIVATIONS_H

#include "checkpoint/model_config.h"
#include "ops/real.h"

/* What walks over slices of channels work with (model/walk.h). */
struct dm_walk_room {
    size_t n_worker;  /* threads that walk at the same time, at most */
    size_t width;     /* channels of the widest slice; 0: this network's layers cannot be walked */
    size_t row_bytes; /* of a row as the products take it; 0: rows are taken as they are */
};

struct dm_activations {
    struct dm_activations *next; /* in the model's list of those that nobody uses */
    size_t capacity;             /* tokens, and sequences, at most */
    unsigned char *bytes;
    dm_real *residual;        /* [n_token, d_model] */
    dm_real *normed;          /* [n_token, d_model] */
    dm_real *x;               /* [n_token, d_inner], in_proj's first half */
    dm_real *u;               /* [n_token, d_inner], after convolution and SiLU */
    dm_real *raw_dt, *raw_BC; /* x_proj's output; dt and BC themselves, unless a norm comes between
                                 and the backward pass needs both */
    dm_real *dt;              /* [n_token, dt_rank] */
    dm_real *BC;              /* [n_token, 2 * d_state] */
    dm_real *delta;           /* [n_token, d_inner] */
    dm_real *score;           /* [n_token] */
    dm_real *z;               /* [n_token, d_inner], the gate */
    dm_real *y;               /* [n_token, d_inner], what out_proj takes; reading: z */
    unsigned char *prepared;  /* [n_token] of the walk's row_bytes, what products take of rows */
    dm_real *strips;          /* [n_worker, 2, n_token, width], a walk's; training: NULL */
    dm_real *checkpoints;     /* of the scan, for the backward pass; reading: NULL */
    size_t *start;            /* [n_sequence + 1] */
    int32_t *ids;             /* [n_token] */
    dm_real **conv_state, **ssm_state; /* [n_sequence], of the layer at work */
};

/* Bytes of the buffers for `capacity` tokens that are only read; false when they overflow. */
bool dm_activations_bytes(const struct dm_model_config *config, const struct dm_walk_room *walk,
                          size_t capacity, size_t *n_byte);
dm_status dm_activations_new(const struct dm_model_config *config, const struct dm_walk_room *walk,
                             size_t capacity, struct dm_activations **activations, dm_error *error);
void dm_activations_free(struct dm_activations *activations);

/* ---- Placing buffers, for training ---- */

enum dm_life {
    DM_LIFE_SCRATCH = 1, /* gone when the next layer runs */
    DM_LIFE_PER_LAYER = 2,
    DM_LIFE_RECOMPUTED = 4 /* per layer, or scratch when the backward pass computes it again */
};

enum dm_part {
    DM_PART_BATCH = 1,  /* ids, sequences, states */
    DM_PART_INPUT = 2,  /* the residual that enters, and what no later part reads */
    DM_PART_HANDED = 4, /* what is handed on to the scan: cut to the kept tokens in between */
    DM_PART_SCAN = 8
};

/* Memory given out from its beginning; `bytes` NULL only counts. */
struct dm_arena {
    unsigned char *bytes;
    size_t used;
    bool overflow; /* more than a size_t counts */
};

/* `count` elements of `size` bytes, aligned to 64 bytes; NULL when only counting. */
void *dm_arena_take(struct dm_arena *arena, size_t count, size_t size);
/* Gives `at` its buffers of these lives and parts. */
void dm_activations_place(const struct dm_model_config *config, size_t n_token, size_t n_sequence,
                          unsigned lives, unsigned parts, struct dm_arena *arena,
                          struct dm_activations *at);

#endif
