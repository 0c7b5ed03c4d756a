/* The forward pass, keeping what the backward pass reads. */
#include <string.h>

#include "layers/gather.h"
#include "methods/choice.h"
#include "training/pass_parts.h"

/* ---- States ---- */

void dm_pass_start_states(const struct dm_pass *pass, size_t layer) {
    const struct dm_model_config *model = &pass->trained->network.config;
    const struct dm_layer_config *config = dm_layer_config_of(model, layer);
    const dm_real *first = pass->batch->first_states;
    size_t n = pass->batch->n_sequence, n_all = dm_state_size(model), place = 0;
    if (!first)
        memset(pass->states, 0, n * pass->state_size * sizeof *pass->states);
    for (size_t i = 0; i < config->kind->n_state; i++) {
        size_t n_own = dm_shape_n_element(config->kind->state_shape(config, i));
        size_t offset = dm_state_offset(model, layer, i);
        for (size_t s = 0; s < n; s++) {
            pass->state[i][s] = pass->states + s * pass->state_size + place;
            if (first)
                memcpy(pass->state[i][s], first + s * n_all + offset, n_own * sizeof *first);
        }
        place += n_own;
    }
}

static void keep_states(const struct dm_pass *pass, size_t layer) {
    const struct dm_model_config *model = &pass->trained->network.config;
    const struct dm_layer_config *config = dm_layer_config_of(model, layer);
    dm_real *last = pass->batch->last_states;
    size_t n_all = dm_state_size(model);
    for (size_t i = 0; i < config->kind->n_state && last; i++) {
        size_t n_own = dm_shape_n_element(config->kind->state_shape(config, i));
        size_t offset = dm_state_offset(model, layer, i);
        for (size_t s = 0; s < pass->batch->n_sequence; s++)
            memcpy(last + s * n_all + offset, pass->state[i][s], n_own * sizeof *last);
    }
}

/* ---- Choosing ---- */

/* Of a sequence as many as the plan has room for. */
static void choose_in(const struct dm_pass *pass, const struct dm_layer_pass *layer,
                      size_t sequence) {
    const size_t *before = layer->before->start + sequence, *after = layer->after->start + sequence;
    const dm_real *score = pass->method->hooks->score ? layer->in.score + before[0] : NULL;
    size_t n = before[1] - before[0], tail = dm_pass_tail(pass, sequence, n);
    size_t *kept = layer->kept + after[0];
    size_t n_kept =
        dm_choose_tokens(score, n, tail, after[1] - after[0] - tail, kept, pass->scratch);
    for (size_t i = 0; i < n_kept; i++)
        kept[i] += before[0];
}

static void choose(struct dm_pass *pass, struct dm_layer_pass *layer) {
    const struct dm_batch batch = dm_pass_batch_of(pass, &layer->in, layer->before);
    dm_layer_score(&batch, pass->method, layer->stage);
    for (size_t s = 0; s < pass->batch->n_sequence; s++)
        choose_in(pass, layer, s);
    for (size_t i = 0; i < layer->after->n_token; i++)
        layer->after->position[i] =
            layer->before->position ? layer->before->position[layer->kept[i]] : layer->kept[i];
}

/* What the layer's outputs read, cut to the kept tokens. */
static void cut_to_kept(const struct dm_pass *pass, size_t layer) {
    const struct dm_network *network = &pass->trained->network;
    const struct dm_layer_config *config = network->layers[layer].config;
    const struct dm_layer_pass *at = &pass->layers[layer];
    struct dm_buffer_row rows[DM_MAX_BUFFER];
    size_t n = dm_buffers_of_token(config, true, rows);
    dm_rows_gather(network->threads, at->in.normed, at->kept, at->after->n_token, config->d_model,
                   at->out.normed);
    for (size_t i = 0; i < n; i++)
        if (rows[i].part == DM_PART_HANDED && rows[i].width)
            dm_rows_gather(network->threads, at->in.layer[i], at->kept, at->after->n_token,
                           rows[i].width, at->out.layer[i]);
}

/* ---- Layers ---- */

/* Up to Delta, on all tokens of the layer. */
static dm_status inputs(struct dm_pass *pass, size_t layer, dm_error *error) {
    struct dm_layer_pass *at = &pass->layers[layer];
    const struct dm_batch batch = dm_pass_batch_of(pass, &at->in, at->before);
    dm_pass_start_states(pass, layer);
    dm_status status = dm_layer_inputs(&batch, layer, error);
    return status ? status : dm_layer_delta(&batch, layer, error);
}

static dm_status run_layer(struct dm_pass *pass, size_t layer, dm_error *error) {
    struct dm_layer_pass *at = &pass->layers[layer];
    size_t d_model = pass->trained->network.config.d_model;
    dm_status status = inputs(pass, layer, error);
    if (status)
        return status;
    if (at->stage) {
        choose(pass, at);
        cut_to_kept(pass, layer);
        dm_rows_gather(pass->trained->network.threads, at->in.residual, at->kept,
                       at->after->n_token, d_model, at->out.residual);
    } else {
        memcpy(at->out.residual, at->in.residual,
               at->after->n_token * d_model * sizeof *at->out.residual);
    }
    const struct dm_batch batch = dm_pass_batch_of(pass, &at->out, at->after);
    status = dm_layer_outputs(&batch, layer, error);
    if (!status)
        keep_states(pass, layer);
    return status;
}

dm_status dm_pass_forward(struct dm_pass *pass, dm_error *error) {
    struct dm_buffers first = pass->layers[0].in;
    first.ids = (int32_t *)(uintptr_t)pass->batch->ids; /* only read */
    const struct dm_batch batch = dm_pass_batch_of(pass, &first, &pass->spans[0]);
    dm_embed(&batch);
    dm_status status = DM_OK;
    for (size_t layer = 0; layer < pass->trained->network.config.n_layer && !status; layer++) {
        status = dm_pass_tell(pass, layer, error);
        if (!status)
            status = run_layer(pass, layer, error);
    }
    return status;
}

dm_status dm_pass_restore(struct dm_pass *pass, size_t layer, dm_error *error) {
    struct dm_layer_pass *at = &pass->layers[layer];
    struct dm_batch batch = dm_pass_batch_of(pass, &at->in, at->before);
    if (!pass->recompute) { /* the norm is cheaper to compute again than to keep */
        dm_layer_norm(&batch, layer);
        if (at->stage)
            dm_rows_gather(pass->trained->network.threads, at->in.normed, at->kept,
                           at->after->n_token, pass->trained->network.config.d_model,
                           at->out.normed);
        return DM_OK;
    }
    dm_status status = inputs(pass, layer, error);
    if (status)
        return status;
    if (at->stage)
        cut_to_kept(pass, layer);
    batch = dm_pass_batch_of(pass, &at->out, at->after);
    return dm_layer_kind_of(batch.network, layer)->restore(&batch, layer, error);
}
