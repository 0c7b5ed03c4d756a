#include "training/pass.h"

#include "ops/embedding/embedding.h"
#include "ops/split.h"

struct embedding {
    struct dm_embedding op;
    const dm_real *dout;
    dm_real *dweight;
    size_t n_token;
};

static void run_embedding_back(const void *opaque, size_t first, size_t n) {
    const struct embedding *back = opaque;
    dm_embedding_backward(&back->op, back->dout, back->dweight, back->n_token, first, n);
}

static void embedding_back(const struct dm_pass *pass) {
    const struct dm_network *network = &pass->trained->network;
    const struct dm_tensor *tensor =
        dm_tensors_find(&pass->trained->tensors, DM_NO_LAYER, DM_EMBEDDING);
    size_t n = pass->spans[0].n_token, d_model = network->config.d_model;
    const struct embedding back = {{d_model, NULL, DM_DTYPE_AUTO, NULL, pass->batch->ids, NULL},
                                   pass->gradients.dresidual,
                                   tensor->gradient,
                                   n};
    if (tensor->gradient)
        dm_split(network->threads, &back, run_embedding_back, d_model, DM_CHANNEL_BLOCK, n);
}

static dm_status run(struct dm_pass *pass, struct dm_pass_loss *loss, dm_error *error) {
    size_t first = dm_trained_network_first_layer(pass->trained);
    dm_status status = dm_pass_forward(pass, error);
    if (!status)
        status = dm_pass_find_loss(pass, loss, error);
    if (status || !pass->backward)
        return status;
    size_t n_layer = pass->trained->network.config.n_layer;
    for (size_t layer = n_layer; layer-- > first && !status;) {
        status = dm_pass_tell(pass, 2 * n_layer - 1 - layer, error);
        if (!status)
            status = dm_pass_layer_back(pass, layer, error);
    }
    if (!status && first == 0) {
        embedding_back(pass);
        pass->input_gradient = pass->gradients.dresidual;
    }
    return status;
}

dm_status dm_pass_run(struct dm_pass *pass, const struct dm_pass_batch *batch, bool backward,
                      struct dm_pass_loss *loss, dm_error *error) {
    const struct dm_network *network = &pass->trained->network;
    const struct dm_matmul_backend *matmul = &network->ops.matmul;
    struct dm_pass_loss result;
    pass->batch = batch;
    pass->backward = backward;
    pass->input_gradient = NULL;
    dm_status status = dm_pass_plan(pass, error);
    if (!status)
        status = matmul->begin(matmul->state, dm_threads_count(network->threads), error);
    if (status)
        return status;
    status = run(pass, &result, error);
    matmul->end(matmul->state);
    if (!status)
        *loss = result;
    return status;
}
