/* out[t] = weight[ids[t]]: rows of the embedding, whatever their stored type, as float32. */
#ifndef DM_OPS_EMBEDDING_H
#define DM_OPS_EMBEDDING_H

#include "decimamba.h"

struct dm_embedding {
    size_t d_model;
    const void *weight; /* [vocab_size, d_model] of `dtype`, possibly unaligned */
    dm_dtype dtype;
    const int32_t *ids; /* [n_token], in range */
    float *out;         /* [n_token, d_model] */
};

void dm_embedding_forward(const struct dm_embedding *op, size_t token, size_t n_token);

#endif
