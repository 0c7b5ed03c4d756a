/* The activations of a batch, laid out by the lifetimes in the kinds' tables.
 *
 * Reading points every layer at the same buffers. Training gives each layer its own copy of those
 * that its backward pass reads, and shares the scratch; with recomputing, only a layer's residual
 * is kept, and what is RECOMPUTED is scratch too. */
#ifndef DM_LAYERS_BUFFERS_H
#define DM_LAYERS_BUFFERS_H

#include "layers/state.h"

/* How layers run by slices of channels: see layers/slices.h. */
struct dm_slice_plan {
    size_t n_worker;  /* threads that run slices at once, at most */
    size_t width;     /* channels of the widest slice; 0: layers are not cut into slices */
    size_t row_bytes; /* of a row converted for the products; 0: rows are taken as they are */
};

struct dm_buffers {
    struct dm_buffers *next; /* in the model's list of idle ones */
    size_t capacity;         /* tokens, and sequences, at most */
    unsigned char *bytes;
    dm_real *residual;             /* [n_token, d_model] */
    dm_real *normed;               /* [n_token, d_model] */
    dm_real *score;                /* [n_token] */
    dm_real *layer[DM_MAX_BUFFER]; /* of the layer that runs, by its kind's enum */
    unsigned char
        *prepared;    /* [n_token, row_bytes of the slices]: rows converted for the products */
    dm_real *scratch; /* [n_worker, 2, n_token, width], of slices; training: NULL */
    size_t *start;    /* [n_sequence + 1] */
    int32_t *ids;     /* [n_token] */
    dm_real **state[DM_MAX_STATE];              /* [n_sequence] each, of the layer that runs */
    dm_real *sorts[DM_MAX_SORT][DM_MAX_BUFFER]; /* reading: `layer` for each sort of layer */
};

/* The table of a layer's buffers for one token, in reading or training; returns its rows. */
size_t dm_buffers_of_token(const struct dm_layer_config *layer, bool training,
                           struct dm_buffer_row rows[DM_MAX_BUFFER]);
/* Bytes of the buffers for reading `capacity` tokens at once; false: more than a size_t counts. */
bool dm_buffers_bytes(const struct dm_model_config *config, const struct dm_slice_plan *slices,
                      size_t capacity, size_t *n_byte);
dm_status dm_buffers_new(const struct dm_model_config *config, const struct dm_slice_plan *slices,
                         size_t capacity, struct dm_buffers **buffers, dm_error *error);
void dm_buffers_free(struct dm_buffers *buffers);

/* ---- Placing buffers, for training ---- */

/* A bump allocator; `bytes` NULL: only counts. */
struct dm_arena {
    unsigned char *bytes;
    size_t used;
    bool overflow; /* more than a size_t counts */
};

enum { DM_EVERY_LIFE = DM_LIFE_SCRATCH | DM_LIFE_PER_LAYER | DM_LIFE_RECOMPUTED };

/* `count` elements of `size` bytes, aligned to 64 bytes; NULL when only counting. */
void *dm_arena_take(struct dm_arena *arena, size_t count, size_t size);
/* Points `at` to a layer's buffers of these lives and parts. */
void dm_buffers_place(const struct dm_layer_config *layer, size_t n_token, size_t n_sequence,
                      unsigned lives, unsigned parts, struct dm_arena *arena,
                      struct dm_buffers *at);
/* Gives `buffers` what the layer's backward pass writes into. */
void dm_gradients_place(const struct dm_layer_config *layer, size_t n_token, struct dm_arena *arena,
                        dm_real *buffers[DM_MAX_BUFFER]);

#endif
