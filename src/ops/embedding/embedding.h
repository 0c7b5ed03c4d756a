/* out[t] = weight[ids[t]]: rows of the embedding, whatever their stored type, as dm_real. */
#ifndef DM_OPS_EMBEDDING_H
#define DM_OPS_EMBEDDING_H

#include "ops/real.h"

struct dm_embedding {
    size_t d_model;
    const void *weight; /* [vocab_size, d_model] of `dtype`, as dm_reals_from takes it, */
    dm_dtype dtype;
    const struct dm_block_kind *blocks; /* or in such blocks; NULL: of the dtype */
    const int32_t *ids;                 /* [n_token], in range */
    dm_real *out;                       /* [n_token, d_model] */
};

void dm_embedding_forward(const struct dm_embedding *op, size_t token, size_t n_token);

/* dweight[ids[t], i] += dout[t, i], dweight being [vocab_size, d_model], for channels channel ..
 * channel + n_channel, over all tokens in order. Of `op`, d_model and ids are read. */
void dm_embedding_backward(const struct dm_embedding *op, const dm_real *dout, dm_real *dweight,
                           size_t n_token, size_t channel, size_t n_channel);

#endif
