/* A loaded model: its network, with weights ready for the operations, and its idle buffers. */
#ifndef DM_MODEL_LANGUAGE_MODEL_H
#define DM_MODEL_LANGUAGE_MODEL_H

#include <pthread.h>

#include "backends/cpu.h"
#include "checkpoint/checkpoint.h"
#include "layers/network.h"
#include "methods/calibration.h"

/* Immutable after loading, but for the list of buffers. */
struct dm_model {
    struct dm_network network;
    struct dm_checkpoint *checkpoint;
    dm_dtype compute; /* DM_DTYPE_AUTO: blocks as they are, other matrices in float32 */
    struct dm_calibration *calibration; /* NULL: no decimamba.json */
    size_t n_parameter, weight_bytes, packed_bytes;
    const char *stored_type; /* of most of its weights */
    size_t chunk;            /* tokens that run through the layers at once */
    bool check;              /* sessions check for NaN and infinity */
    bool no_map;             /* files are read into memory */
    pthread_mutex_t mutex;
    struct dm_buffers *free_buffers;
};

dm_status dm_language_model_load(const char *directory, const dm_model_options *options,
                                 struct dm_model **model, dm_error *error);
void dm_language_model_free(struct dm_model *model);

/* Buffers for `model->chunk` tokens; given back after use. */
dm_status dm_model_take_buffers(const struct dm_model *model, struct dm_buffers **buffers,
                                dm_error *error);
void dm_model_give_back_buffers(const struct dm_model *model, struct dm_buffers *buffers);

#endif
