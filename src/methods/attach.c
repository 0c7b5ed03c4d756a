/* A method and the layers of a network: what it needs of them, and what it changes. */
#include "base/memory.h"
#include "methods/method.h"

/* ---- Scores ---- */

void dm_layer_score(const struct dm_batch *batch, const struct dm_method *method,
                    const struct dm_stage *stage) {
    const struct dm_layer_kind *kind = dm_layer_kind_of(batch->network, stage->layer);
    struct dm_stage_input input = {.n_token = batch->n_token,
                                   .n_sequence = batch->n_sequence,
                                   .start = batch->at->start,
                                   .first_position = batch->first_position,
                                   .d_model = batch->network->config.d_model,
                                   .residual = batch->at->residual};
    if (!method->hooks->score)
        return;
    if (kind->steps) {
        input.delta = kind->steps(batch, stage->layer);
        input.n_step = dm_layer_n_step(batch->network->layers[stage->layer].config);
    }
    method->hooks->score(method, stage, &input, &batch->network->ops, batch->at->score);
}

/* Scores by Delta need a layer that has one, and channels that are there. */
static dm_status check_stage(const struct dm_layer_config *layer, const struct dm_method *method,
                             const struct dm_stage *stage, dm_error *error) {
    size_t n_step = dm_layer_n_step(layer);
    bool by_step = method->score == DM_SCORE_NORM || method->score == DM_SCORE_MEAN ||
                   method->score == DM_SCORE_GLOBAL;
    if (by_step && !n_step)
        return dm_fail(error, DM_ERROR_ARGUMENT,
                       "score %s: layer %zu is of kind %s, whose tokens have no Delta",
                       dm_score_name(method->score), stage->layer, layer->kind->name);
    if (stage->channels && stage->channels[stage->n_channel - 1] >= n_step)
        return dm_fail(error, DM_ERROR_ARGUMENT, "layer %zu: channel %u of %zu", stage->layer,
                       (unsigned)stage->channels[stage->n_channel - 1], n_step);
    return DM_OK;
}

/* ---- What is changed ---- */

static dm_status check_adjusts(const struct dm_method_hooks *hooks,
                               const struct dm_layer_config *layer, size_t number,
                               dm_error *error) {
    const struct {
        bool wanted;
        enum dm_adjustable what;
        const char *name;
    } all[] = {{hooks->delta, DM_ADJUST_DELTA, "Delta"},
               {hooks->scale_A, DM_ADJUST_A, "A"},
               {hooks->state, DM_ADJUST_STATE, "state"}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i].wanted && !(layer->kind->adjusts & all[i].what))
            return dm_fail(error, DM_ERROR_ARGUMENT,
                           "method %s: layer %zu is of kind %s, whose %s it cannot change",
                           hooks->name, number, layer->kind->name, all[i].name);
    return DM_OK;
}

static dm_status make_A(struct dm_method *method, const struct dm_network *network,
                        dm_error *error) {
    method->A = dm_memory_zeroed(method->n_layer, sizeof *method->A);
    for (size_t layer = 0; method->A && layer < method->n_layer; layer++) {
        const struct dm_layer *own = &network->layers[layer];
        size_t n_row, n_channel;
        const dm_real *A = own->config->kind->A(own, &n_row, &n_channel);
        size_t n = n_row * n_channel; /* fits: A is there */
        method->A[layer] = dm_memory_array(n, sizeof *A);
        if (!method->A[layer])
            return dm_fail_memory(error, "the method's A");
        method->hooks->scale_A(method, layer, n, A, method->A[layer]);
        method->A_bytes += n * sizeof *A;
    }
    return method->A ? DM_OK : dm_fail_memory(error, "the method's A");
}

dm_status dm_method_attach(struct dm_method *method, const struct dm_network *network,
                           dm_error *error) {
    const struct dm_method_hooks *hooks = method->hooks;
    dm_status status = DM_OK;
    if (!hooks)
        return DM_OK;
    for (size_t i = 0; i < method->n_stage && hooks->score && !status; i++)
        status = check_stage(network->layers[method->stages[i].layer].config, method,
                             &method->stages[i], error);
    for (size_t layer = 0; layer < method->n_layer && !status; layer++)
        status = check_adjusts(hooks, network->layers[layer].config, layer, error);
    if (!status && hooks->scale_A)
        status = make_A(method, network, error);
    method->adjusts = hooks->delta || hooks->scale_A || hooks->state;
    method->adjusts_steps = !hooks->in_steps || hooks->in_steps(method);
    method->adjust = (struct dm_adjust){
        .method = method,
        .delta = hooks->delta,
        .delta_back = hooks->delta_back,
        .A = (const dm_real *const *)method->A,
        .state = hooks->state,
        .period = hooks->period ? hooks->period(method) : 1,
        .whole_rows = hooks->whole_rows,
    };
    return status;
}

dm_status dm_method_check_training(const struct dm_method *method, dm_error *error) {
    const struct dm_method_hooks *hooks = method->hooks;
    if (hooks && ((hooks->delta && !hooks->delta_back) || hooks->scale_A || hooks->state))
        return dm_fail(error, DM_ERROR_UNSUPPORTED, "method %s: it cannot be trained with",
                       hooks->name);
    return DM_OK;
}
