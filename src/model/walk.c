#include "model/walk.h"

#include <stdatomic.h>

#include "base/first_error.h"
#include "model/split.h"

/* Less work than this is not worth a hand-over to another thread. */
static const size_t least_work = (size_t)1 << 17;

/* One walk: `run` for every slice, with the strips of the worker that takes it. */
struct walk {
    const struct dm_batch *batch;
    const struct dm_layer *own;
    void (*run)(struct walk *walk, size_t slice, dm_real *strips);
    const void *x; /* rows of what is multiplied, as the products take them */
    size_t n_slice;
    atomic_size_t next;
    struct dm_first_error first_error;
};

/* ---- Planning ---- */

static bool same_slices(const struct dm_matmul_backend *matmul, const struct dm_matrix *a,
                        const struct dm_matrix *b) {
    size_t n = matmul->n_slice(a);
    bool same = matmul->n_slice(b) == n;
    for (size_t slice = 0; slice < n && same; slice++)
        same = matmul->first_column(a, slice) == matmul->first_column(b, slice);
    return same;
}

static size_t widest_slice(const struct dm_matmul_backend *matmul, const struct dm_matrix *matrix) {
    size_t widest = 0;
    for (size_t slice = 0; slice < matmul->n_slice(matrix); slice++) {
        size_t width =
            matmul->first_column(matrix, slice + 1) - matmul->first_column(matrix, slice);
        widest = width > widest ? width : widest;
    }
    return widest;
}

/* All layers are alike, so the first one tells. */
void dm_walk_plan(struct dm_network *network) {
    const struct dm_matmul_backend *matmul = &network->ops.matmul;
    const struct dm_projections *own = &network->layers[0].project;
    size_t n_thread = dm_threads_count(network->threads), n_slice = matmul->n_slice(own->in_x);
    network->walk = (struct dm_walk_room){.n_worker = n_thread < n_slice ? n_thread : n_slice};
    if (!same_slices(matmul, own->in_x, own->in_z) ||
        !same_slices(matmul, own->in_x, own->dt_proj) || matmul->prepared_bytes(own->dt_proj, 1))
        return;
    size_t of_normed = matmul->prepared_bytes(own->in_x, 1);
    size_t of_y = matmul->prepared_bytes(own->out_proj, 1);
    network->walk.row_bytes = of_normed > of_y ? of_normed : of_y;
    network->walk.width = widest_slice(matmul, own->in_x);
}

/* ---- Walking ---- */

static void work(void *context, size_t worker) {
    struct walk *walk = context;
    const struct dm_walk_room *room = &walk->batch->network->walk;
    dm_real *strips =
        walk->batch->at->strips + worker * 2 * walk->batch->at->capacity * room->width;
    size_t slice;
    while ((slice = atomic_fetch_add_explicit(&walk->next, 1, memory_order_relaxed)) <
           walk->n_slice)
        walk->run(walk, slice, strips);
}

/* Slices of the products with a matrix and rows x, of which `prepare` may have made others. */
static dm_status take_walk(const struct dm_batch *batch, size_t layer,
                           void (*run)(struct walk *walk, size_t slice, dm_real *strips),
                           const struct dm_matrix *matrix, const dm_real *x, dm_error *error) {
    const struct dm_network *network = batch->network;
    const struct dm_matmul_backend *matmul = &network->ops.matmul;
    struct walk walk = {.batch = batch,
                        .own = &network->layers[layer],
                        .run = run,
                        .x = matmul->prepared_bytes(matrix, 1) ? batch->at->prepared
                                                               : (const void *)x,
                        .n_slice = matmul->n_slice(matrix)};
    size_t n_worker = network->walk.n_worker;
    size_t work_per_token = network->config.d_inner * network->config.d_model;
    if (n_worker > walk.n_slice)
        n_worker = walk.n_slice;
    if (batch->n_token < least_work / (work_per_token + 1) + 1)
        n_worker = 1;
    dm_parallel_for(network->threads, n_worker, work, &walk);
    return dm_first_error_give(&walk.first_error, error);
}

/* The slice's columns of a product into y, which holds them alone or, with a step, more. */
static bool multiply(struct walk *walk, const struct dm_slice_product *op,
                     enum dm_operation operation) {
    const struct dm_network *network = walk->batch->network;
    uint64_t begin = dm_clock_begin(network->clocks);
    dm_error error;
    bool failed = network->ops.matmul.multiply_slice(op, &error) != DM_OK;
    dm_clock_end(network->clocks, operation, begin, 1);
    if (failed)
        dm_first_error_keep(&walk->first_error, &error);
    return !failed;
}

/* A slice's columns. */
struct columns {
    size_t first, n;
};

static struct columns columns_of(const struct walk *walk, const struct dm_matrix *matrix,
                                 size_t slice) {
    const struct dm_matmul_backend *matmul = &walk->batch->network->ops.matmul;
    size_t first = matmul->first_column(matrix, slice);
    return (struct columns){first, matmul->first_column(matrix, slice + 1) - first};
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
    uint64_t begin = dm_clock_begin(network->clocks);
    network->ops.matmul.prepare(preparation->matrix, &preparation->op, first, n);
    dm_clock_end(network->clocks, DM_OPERATION_ROUNDING, begin, 1);
}

static void prepare(const struct dm_batch *batch, const struct dm_matrix *matrix, const dm_real *x,
                    size_t width) {
    const struct preparation op = {
        batch->network, matrix, {batch->n_token, x, batch->at->prepared}};
    if (batch->network->ops.matmul.prepared_bytes(matrix, 1))
        dm_split(batch->network->threads, &op, run_prepare, batch->n_token, 1, width);
}

void dm_walk_prepare(const struct dm_batch *batch, size_t layer) {
    prepare(batch, batch->network->layers[layer].project.in_x, batch->at->normed,
            batch->network->config.d_model);
}

/* ---- Inputs ---- */

static void run_inputs(struct walk *walk, size_t slice, dm_real *x) {
    const struct dm_batch *batch = walk->batch;
    const struct dm_model_config *config = &batch->network->config;
    const struct dm_layer *own = walk->own;
    struct columns at = columns_of(walk, own->project.in_x, slice);
    const struct dm_slice_product product = {batch->n_token, walk->x, own->project.in_x, slice, x,
                                             at.n,           false};
    if (!multiply(walk, &product, DM_OPERATION_IN_PROJ))
        return;
    if (own->in_bias)
        dm_add_bias(own->in_bias + at.first, batch->n_token, at.n, at.n, x);
    const struct dm_causal_conv1d op = {batch->n_sequence, config->d_inner,       config->d_conv,
                                        batch->at->start,  {x, at.first, at.n},   own->conv_weight,
                                        own->conv_bias,    batch->at->conv_state, batch->at->u};
    uint64_t begin = dm_clock_begin(batch->network->clocks);
    batch->network->ops.causal_conv1d(&op, at.first, at.n);
    dm_clock_end(batch->network->clocks, DM_OPERATION_CONV, begin, 1);
}

dm_status dm_walk_inputs(const struct dm_batch *batch, size_t layer, dm_error *error) {
    dm_mixer_use_conv_states(batch, layer);
    return take_walk(batch, layer, run_inputs, batch->network->layers[layer].project.in_x,
                     batch->at->normed, error);
}

/* ---- Scan ---- */

static void run_scan(struct walk *walk, size_t slice, dm_real *strips) {
    const struct dm_batch *batch = walk->batch;
    const struct dm_network *network = batch->network;
    const struct dm_model_config *config = &network->config;
    const struct dm_activations *at = batch->at;
    const struct dm_layer *own = walk->own;
    struct columns to = columns_of(walk, own->project.in_z, slice);
    dm_real *delta = strips, *z = strips + at->capacity * network->walk.width;
    const struct dm_slice_product dt_proj = {
        batch->n_token, at->dt, own->project.dt_proj, slice, delta, to.n, false};
    const struct dm_slice_product in_z = {batch->n_token, walk->x, own->project.in_z, slice, z,
                                          to.n,           false};
    if (!multiply(walk, &dt_proj, DM_OPERATION_DT_PROJ))
        return;
    const struct dm_softplus softplus = {to.n, own->dt_bias + to.first, delta};
    uint64_t begin = dm_clock_begin(network->clocks);
    network->ops.softplus(&softplus, 0, batch->n_token);
    dm_clock_end(network->clocks, DM_OPERATION_SOFTPLUS, begin, 1);
    if (!multiply(walk, &in_z, DM_OPERATION_IN_PROJ))
        return;
    if (own->in_bias)
        dm_add_bias(own->in_bias + config->d_inner + to.first, batch->n_token, to.n, to.n, z);
    const struct dm_selective_scan op = {batch->n_sequence,
                                         config->d_inner,
                                         config->d_state,
                                         at->start,
                                         at->u,
                                         {delta, to.first, to.n},
                                         own->A,
                                         at->BC,
                                         own->D,
                                         {z, to.first, to.n},
                                         at->ssm_state,
                                         at->y,
                                         NULL};
    begin = dm_clock_begin(network->clocks);
    network->ops.selective_scan(&op, to.first, to.n);
    dm_clock_end(network->clocks, DM_OPERATION_SCAN, begin, 1);
}

dm_status dm_walk_scan(const struct dm_batch *batch, size_t layer, dm_error *error) {
    dm_mixer_use_ssm_states(batch, layer);
    return take_walk(batch, layer, run_scan, batch->network->layers[layer].project.in_z,
                     batch->at->normed, error);
}

/* ---- Outputs ---- */

static void run_outputs(struct walk *walk, size_t slice, dm_real *strips) {
    (void)strips;
    const struct dm_batch *batch = walk->batch;
    size_t d_model = batch->network->config.d_model;
    struct columns to = columns_of(walk, walk->own->project.out_proj, slice);
    dm_real *residual = batch->at->residual + to.first;
    const struct dm_slice_product product = {
        batch->n_token, walk->x, walk->own->project.out_proj, slice, residual, d_model, true};
    if (multiply(walk, &product, DM_OPERATION_OUT_PROJ) && walk->own->out_bias)
        dm_add_bias(walk->own->out_bias + to.first, batch->n_token, to.n, d_model, residual);
}

dm_status dm_walk_outputs(const struct dm_batch *batch, size_t layer, dm_error *error) {
    const struct dm_matrix *out_proj = batch->network->layers[layer].project.out_proj;
    prepare(batch, out_proj, batch->at->y, batch->network->config.d_inner);
    return take_walk(batch, layer, run_outputs, out_proj, batch->at->y, error);
}
