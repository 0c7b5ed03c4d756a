#include "ops/embedding/embedding.h"

void dm_embedding_forward(const struct dm_embedding *op, size_t token, size_t n_token) {
    for (size_t t = token; t < token + n_token; t++) {
        size_t first = (size_t)op->ids[t] * op->d_model;
        dm_real *out = op->out + t * op->d_model;
        if (op->blocks)
            dm_reals_from_blocks(op->weight, op->blocks, first, op->d_model, out);
        else
            dm_reals_from(op->weight, op->dtype, first, op->d_model, out);
    }
}

void dm_embedding_backward(const struct dm_embedding *op, const dm_real *dout, dm_real *dweight,
                           size_t n_token, size_t channel, size_t n_channel) {
    for (size_t t = 0; t < n_token; t++)
        for (size_t i = channel; i < channel + n_channel; i++)
            dweight[(size_t)op->ids[t] * op->d_model + i] += dout[t * op->d_model + i];
}
