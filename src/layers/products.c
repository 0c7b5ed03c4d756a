#include "layers/products.h"

#include "ops/split.h"

dm_status dm_multiply_all(const struct dm_batch *batch, const struct dm_matmul *products, size_t n,
                          enum dm_operation operation, dm_error *error) {
    const struct dm_network *network = batch->network;
    uint64_t begin = dm_profile_begin(network->profile);
    dm_status status = network->ops.matmul.multiply(products, n, network->threads, error);
    dm_profile_end(network->profile, operation, begin, dm_threads_count(network->threads));
    return status;
}

dm_status dm_multiply(const struct dm_batch *batch, const struct dm_matrix *weight,
                      const dm_real *x, bool accumulate, dm_real *y, enum dm_operation operation,
                      dm_error *error) {
    const struct dm_matmul product = {
        .n_token = batch->n_token, .x = x, .weight = weight, .y = y, .accumulate = accumulate};
    return dm_multiply_all(batch, &product, 1, operation, error);
}

struct norm {
    const struct dm_network *network;
    const struct dm_rms_norm *op;
};

static void run_norm(const void *context, size_t first, size_t n) {
    const struct norm *norm = context;
    uint64_t begin = dm_profile_begin(norm->network->profile);
    norm->network->ops.rms_norm(norm->op, first, n);
    dm_profile_end(norm->network->profile, DM_OPERATION_NORM, begin, 1);
}

void dm_norm_rows(const struct dm_batch *batch, const struct dm_rms_norm *op) {
    const struct norm norm = {batch->network, op};
    dm_split(batch->network->threads, &norm, run_norm, batch->n_token, 1, op->width);
}

void dm_add_bias(const dm_real *bias, size_t n_token, size_t width, size_t step, dm_real *y) {
    for (size_t t = 0; bias && t < n_token; t++)
        for (size_t i = 0; i < width; i++)
            y[t * step + i] += bias[i];
}
