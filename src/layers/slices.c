#include "layers/slices.h"

#include "ops/split.h"

/* Multiply-adds below which waking another thread costs more than it saves. */
static const size_t min_work = (size_t)1 << 17;

bool dm_slices_agree(const struct dm_matmul_backend *matmul, const struct dm_matrix *a,
                     const struct dm_matrix *b) {
    size_t n = matmul->n_slice(a);
    bool same = matmul->n_slice(b) == n;
    for (size_t slice = 0; slice < n && same; slice++)
        same = matmul->first_column(a, slice) == matmul->first_column(b, slice);
    return same;
}

size_t dm_widest_slice(const struct dm_matmul_backend *matmul, const struct dm_matrix *matrix) {
    size_t widest = 0;
    for (size_t slice = 0; slice < matmul->n_slice(matrix); slice++) {
        size_t width =
            matmul->first_column(matrix, slice + 1) - matmul->first_column(matrix, slice);
        widest = width > widest ? width : widest;
    }
    return widest;
}

struct dm_columns dm_slice_columns(const struct dm_batch *batch, const struct dm_matrix *matrix,
                                   size_t slice) {
    const struct dm_matmul_backend *matmul = &batch->network->ops.matmul;
    size_t first = matmul->first_column(matrix, slice);
    return (struct dm_columns){first, matmul->first_column(matrix, slice + 1) - first};
}

/* ---- Rows as the products take them ---- */

struct preparation {
    const struct dm_network *network;
    const struct dm_matrix *matrix;
    struct dm_preparation op;
};

static void run_prepare(const void *context, size_t first, size_t n) {
    const struct preparation *preparation = context;
    const struct dm_network *network = preparation->network;
    uint64_t begin = dm_profile_begin(network->profile);
    network->ops.matmul.prepare(preparation->matrix, &preparation->op, first, n);
    dm_profile_end(network->profile, DM_OPERATION_ROUNDING, begin, 1);
}

void dm_slices_prepare(const struct dm_batch *batch, const struct dm_matrix *matrix,
                       const dm_real *x, size_t width) {
    const struct preparation op = {
        batch->network, matrix, {batch->n_token, x, batch->at->prepared}};
    if (batch->network->ops.matmul.prepared_bytes(matrix, 1))
        dm_split(batch->network->threads, &op, run_prepare, batch->n_token, 1, width);
}

/* ---- Running ---- */

static void run_worker(void *context, size_t worker) {
    struct dm_slices *slices = context;
    const struct dm_buffers *at = slices->batch->at;
    size_t n = at->capacity * slices->batch->network->slices.width, slice;
    dm_real *first = at->scratch + worker * 2 * n, *scratch[2] = {first, first + n};
    while ((slice = atomic_fetch_add_explicit(&slices->next, 1, memory_order_relaxed)) <
           slices->n_slice)
        slices->run(slices, slice, scratch);
}

dm_status dm_slices_run(const struct dm_batch *batch, size_t layer,
                        void (*run)(struct dm_slices *slices, size_t slice, dm_real *scratch[2]),
                        const struct dm_matrix *matrix, const dm_real *x, size_t n_in,
                        dm_error *error) {
    const struct dm_network *network = batch->network;
    const struct dm_matmul_backend *matmul = &network->ops.matmul;
    struct dm_slices slices = {.batch = batch,
                               .layer = layer,
                               .run = run,
                               .x = matmul->prepared_bytes(matrix, 1) ? batch->at->prepared
                                                                      : (const void *)x,
                               .n_slice = matmul->n_slice(matrix)};
    size_t n_worker = network->slices.n_worker;
    size_t per_token = n_in * matmul->first_column(matrix, slices.n_slice);
    if (n_worker > slices.n_slice)
        n_worker = slices.n_slice;
    if (batch->n_token < min_work / (per_token + 1) + 1)
        n_worker = 1;
    dm_parallel_for(network->threads, n_worker, run_worker, &slices);
    return dm_first_error_give(&slices.first_error, error);
}

bool dm_slice_multiply(struct dm_slices *slices, const struct dm_matrix *matrix, const void *x,
                       size_t slice, dm_real *y, size_t step, bool accumulate,
                       enum dm_operation operation) {
    const struct dm_network *network = slices->batch->network;
    const struct dm_slice_product op = {.n_token = slices->batch->n_token,
                                        .x = x,
                                        .weight = matrix,
                                        .slice = slice,
                                        .y = y,
                                        .y_step = step,
                                        .accumulate = accumulate};
    uint64_t begin = dm_profile_begin(network->profile);
    dm_error error;
    bool failed = network->ops.matmul.multiply_slice(&op, &error) != DM_OK;
    dm_profile_end(network->profile, operation, begin, 1);
    if (failed)
        dm_first_error_keep(&slices->first_error, &error);
    return !failed;
}
