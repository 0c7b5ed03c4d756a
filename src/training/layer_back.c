/* Running a layer's backward pass: the kind's two halves, with the cut between them. */
#include <string.h>

#include "layers/gather.h"
#include "training/pass_parts.h"

/* The last states have no gradient: what follows them is another sequence, or nothing. Gradients lie
 * as the states do. */
static void clear_state_gradients(const struct dm_pass *pass, size_t layer) {
    size_t n = pass->batch->n_sequence;
    for (size_t i = 0; i < dm_layer_kind_of(&pass->trained->network, layer)->n_state; i++)
        for (size_t s = 0; s < n; s++)
            pass->state_grad[i][s] = pass->state_grads + (pass->state[i][s] - pass->states);
    memset(pass->state_grads, 0, n * pass->state_size * sizeof *pass->state_grads);
}

static struct dm_layer_back describe(struct dm_pass *pass, size_t layer, dm_error *error) {
    const struct dm_trained_network *trained = pass->trained;
    const struct dm_network *network = &trained->network;
    const struct dm_layer_pass *at = &pass->layers[layer];
    const struct dm_pass_gradients *to = &pass->gradients;
    bool cut = at->stage != NULL;
    struct dm_layer_back back = {
        .network = network,
        .layer = layer,
        .transposed = trained->transposed[layer],
        .in = &at->in,
        .out = &at->out,
        .n_sequence = pass->batch->n_sequence,
        .n = at->before->n_token,
        .n_after = at->after->n_token,
        .kept = cut ? at->kept : NULL,
        .buffer_grad = to->own[dm_sort_of(&network->config, layer)],
        .dresidual = to->dresidual,
        .dnormed = to->dnormed,
        .dnormed_cut = cut ? to->dnormed_cut : to->dnormed,
        .adds = !cut,
        .rstd = to->rstd,
        .adjust = dm_pass_adjust(pass),
        .compute = trained->compute,
        .error = error,
    };
    for (size_t place = 0; place < dm_layer_kind_of(network, layer)->n_parameter; place++) {
        const struct dm_tensor *tensor = dm_tensors_find(&trained->tensors, layer, place);
        back.gradient[place] = tensor ? tensor->gradient : NULL;
    }
    for (size_t i = 0; i < DM_MAX_STATE; i++)
        back.state_grad[i] = pass->state_grad[i];
    return back;
}

/* The residual's gradient, from the kept tokens to their places among all. */
static void spread_residual(struct dm_pass *pass, const struct dm_layer_back *back) {
    struct dm_pass_gradients *to = &pass->gradients;
    size_t d_model = back->network->config.d_model;
    if (!back->kept)
        return;
    dm_back_spread(back, to->dresidual, d_model, to->dresidual_below);
    dm_real *below = to->dresidual_below;
    to->dresidual_below = to->dresidual;
    to->dresidual = below;
}

static void norm_back(const struct dm_pass *pass, const struct dm_layer_back *back) {
    const struct dm_pass_gradients *to = &pass->gradients;
    const struct dm_model_config *config = &back->network->config;
    const struct dm_rms_norm op = {.width = config->d_model,
                                   .stride = config->d_model,
                                   .epsilon = (dm_real)config->rms_norm_eps,
                                   .x = back->in->residual,
                                   .weight = back->network->layers[back->layer].norm};
    const struct dm_rms_norm_grad grad = {
        .dy = to->dnormed, .dx = to->dresidual, .rstd = to->rstd, .dweight = back->gradient[0]};
    dm_back_norm(back->network, &op, &grad, back->n);
}

dm_status dm_pass_layer_back(struct dm_pass *pass, size_t layer, dm_error *error) {
    const struct dm_layer_kind *kind = dm_layer_kind_of(&pass->trained->network, layer);
    dm_status status = dm_pass_restore(pass, layer, error);
    if (status)
        return status;
    const struct dm_layer_back back = describe(pass, layer, error);
    dm_pass_start_states(pass, layer);
    clear_state_gradients(pass, layer);
    status = kind->outputs_back(&back);
    if (status)
        return status;
    spread_residual(pass, &back);
    status = kind->inputs_back(&back);
    if (status)
        return status;
    if (back.kept)
        dm_rows_scatter_add(back.network->threads, back.dnormed_cut, back.kept, back.n_after,
                            back.network->config.d_model, back.dnormed);
    norm_back(pass, &back);
    return DM_OK;
}
