#include "ops/embedding/embedding.h"

#include "base/half.h"

void dm_embedding_forward(const struct dm_embedding *op, size_t token, size_t n_token) {
    for (size_t t = token; t < token + n_token; t++)
        dm_floats_from(op->weight, op->dtype, (size_t)op->ids[t] * op->d_model, op->d_model,
                       op->out + t * op->d_model);
}
