#include "gated/gated.h"

#include <stddef.h>
#include <string.h>
#include <tgmath.h>

#include "layers/backward.h"
#include "layers/gather.h"
#include "layers/products.h"
#include "layers/sizes.h"

enum size { WIDTH };
enum parameter { NORM, IN, SHIFT, GATE, OUT, N_PARAMETER };
enum product { IN_MATRIX, GATE_MATRIX, OUT_MATRIX, SHIFT_VECTOR };
enum buffer { V, X, STEP, H };
enum gradient { D_X, D_H, D_STEP, D_V, D_ALL_X };
enum state { LAST_V, LAST_H };

struct weights {
    struct dm_matrix *in, *gate, *out; /* [width, d_model], [width, width], [d_model, width] */
    dm_real *shift;                    /* [width] */
};

/* ---- What it is made of ---- */

static const struct dm_size_row sizes[] = {[WIDTH] = {.name = "d_inner"}};

static dm_status configure(const struct dm_config_source *source, struct dm_layer_config *config,
                           dm_error *error) {
    return dm_get_expanded(source->object, source->name, config->d_model, &config->size[WIDTH],
                           error);
}

static bool describe(const struct dm_layer_config *config, json_t *object) {
    return dm_put_real(object, "expand", (double)config->size[WIDTH] / (double)config->d_model);
}

static struct dm_model_names names(const struct dm_layer_config *config) {
    (void)config;
    return (struct dm_model_names){"mamba", "MambaForCausalLM"};
}

static const struct dm_parameter_row parameters[N_PARAMETER] = {
    [NORM] = {.name = "norm.weight"},
    [IN] = {.name = "gated.in.weight", .is_matrix = true, .is_adapted = true},
    [SHIFT] = {.name = "gated.shift"},
    [GATE] = {.name = "gated.gate.weight", .is_matrix = true},
    [OUT] = {.name = "gated.out.weight", .is_matrix = true, .is_adapted = true},
};

static struct dm_shape shape(const struct dm_layer_config *config, size_t parameter) {
    size_t E = config->size[WIDTH], D = config->d_model;
    switch ((enum parameter)parameter) {
    case IN:
        return dm_matrix_shape(E, D);
    case GATE:
        return dm_matrix_shape(E, E);
    case OUT:
        return dm_matrix_shape(D, E);
    case SHIFT:
        return dm_vector_shape(E);
    default:
        return dm_vector_shape(D);
    }
}

static double draw(const struct dm_layer_config *config, const struct dm_initial_ranges *ranges,
                   size_t parameter, size_t i, struct dm_random *random) {
    (void)ranges;
    (void)i;
    if (parameter == NORM)
        return 1;
    return dm_random_normal(random) / sqrt((double)config->size[WIDTH]);
}

static size_t weights(const struct dm_layer_config *config,
                      struct dm_weight_row rows[DM_MAX_WEIGHT]) {
    size_t E = config->size[WIDTH], D = config->d_model;
    const struct dm_weight_row table[] = {
        [IN_MATRIX] = {.parameter = IN,
                       .use = DM_WEIGHT_MATRIX,
                       .offset = offsetof(struct weights, in),
                       .n_out = E,
                       .n_in = D},
        [GATE_MATRIX] = {.parameter = GATE,
                         .use = DM_WEIGHT_MATRIX,
                         .offset = offsetof(struct weights, gate),
                         .n_out = E,
                         .n_in = E,
                         .exact = true},
        [OUT_MATRIX] = {.parameter = OUT,
                        .use = DM_WEIGHT_MATRIX,
                        .offset = offsetof(struct weights, out),
                        .n_out = D,
                        .n_in = E},
        [SHIFT_VECTOR] = {.parameter = SHIFT, .offset = offsetof(struct weights, shift)},
    };
    memcpy(rows, table, sizeof table);
    return sizeof table / sizeof *table;
}

static size_t buffers(const struct dm_layer_config *config, const struct dm_buffer_use *use,
                      struct dm_buffer_row rows[DM_MAX_BUFFER]) {
    size_t E = config->size[WIDTH], n = use->n_token;
    const struct dm_buffer_row table[] = {
        [V] = {.width = E, .n_row = n, .life = DM_LIFE_RECOMPUTED, .part = DM_PART_INPUT},
        [X] = {.width = E,
               .n_row = n,
               .life = DM_LIFE_RECOMPUTED,
               .part = DM_PART_HANDED,
               .carried = true,
               .what = "x of"},
        [STEP] = {.width = E,
                  .n_row = n,
                  .life = DM_LIFE_RECOMPUTED,
                  .part = DM_PART_HANDED,
                  .what = "the step of"},
        [H] = {.width = E, .n_row = n, .life = DM_LIFE_RECOMPUTED, .part = DM_PART_SCAN},
    };
    memcpy(rows, table, sizeof table);
    return sizeof table / sizeof *table;
}

static size_t gradients(const struct dm_layer_config *config, size_t n_token,
                        struct dm_buffer_row rows[DM_MAX_BUFFER]) {
    enum { N = D_ALL_X + 1 };
    for (size_t i = 0; i < N; i++)
        rows[i] = (struct dm_buffer_row){.width = config->size[WIDTH], .n_row = n_token};
    return N;
}

static const struct dm_state_row states[] = {
    [LAST_V] = {.name = "last_v"},
    [LAST_H] = {.name = "last_h", .after_cut = true},
};

static struct dm_shape state_shape(const struct dm_layer_config *config, size_t state) {
    (void)state;
    return dm_matrix_shape(1, config->size[WIDTH]);
}

/* ---- Forward ---- */

static const struct weights *weights_of(const struct dm_network *network, size_t layer) {
    return network->layers[layer].weights;
}

static size_t width_of(const struct dm_network *network, size_t layer) {
    return network->layers[layer].config->size[WIDTH];
}

/* x[t] = v[t] + shift * v[t-1]; `last` holds v before the first token, then the last one. */
static void shift_rows(const dm_real *shift, size_t width, size_t n, const dm_real *v,
                       dm_real *last, dm_real *x) {
    for (size_t t = 0; t < n; t++)
        for (size_t i = 0; i < width; i++) {
            x[t * width + i] = v[t * width + i] + shift[i] * last[i];
            last[i] = v[t * width + i];
        }
}

static dm_status inputs(const struct dm_batch *batch, size_t layer, dm_error *error) {
    const struct weights *w = weights_of(batch->network, layer);
    const struct dm_buffers *at = batch->at;
    size_t E = width_of(batch->network, layer);
    dm_status status =
        dm_multiply(batch, w->in, at->normed, false, at->layer[V], DM_OPERATION_IN_PROJ, error);
    for (size_t s = 0; s < batch->n_sequence && !status; s++)
        shift_rows(w->shift, E, at->start[s + 1] - at->start[s], at->layer[V] + at->start[s] * E,
                   at->state[LAST_V][s], at->layer[X] + at->start[s] * E);
    return status;
}

static dm_status delta(const struct dm_batch *batch, size_t layer, dm_error *error) {
    const struct weights *w = weights_of(batch->network, layer);
    dm_real *step = batch->at->layer[STEP];
    dm_status status =
        dm_multiply(batch, w->gate, batch->at->layer[X], false, step, DM_OPERATION_DT_PROJ, error);
    size_t n = batch->n_token * width_of(batch->network, layer);
    for (size_t i = 0; i < n && !status; i++)
        step[i] = step[i] > 20 ? step[i] : log1p(exp(step[i]));
    return status;
}

static dm_status recur(const struct dm_batch *batch, size_t layer, dm_error *error) {
    const struct dm_buffers *at = batch->at;
    size_t E = width_of(batch->network, layer);
    (void)error;
    for (size_t s = 0; s < batch->n_sequence; s++)
        for (size_t t = at->start[s]; t < at->start[s + 1]; t++)
            for (size_t i = 0; i < E; i++) {
                dm_real a = exp(-at->layer[STEP][t * E + i]), *h = &at->state[LAST_H][s][i];
                *h = a * *h + (1 - a) * at->layer[X][t * E + i];
                at->layer[H][t * E + i] = *h;
            }
    return DM_OK;
}

static dm_status outputs(const struct dm_batch *batch, size_t layer, dm_error *error) {
    dm_status status = recur(batch, layer, error);
    return status ? status
                  : dm_multiply(batch, weights_of(batch->network, layer)->out, batch->at->layer[H],
                                true, batch->at->residual, DM_OPERATION_OUT_PROJ, error);
}

/* ---- Backward ---- */

/* From D_H, the gradient of h as the output takes it: D_X and D_STEP (of the gate's output). */
static void recur_back(const struct dm_layer_back *back, size_t s) {
    size_t first = back->out->start[s], end = back->out->start[s + 1];
    const dm_real *initial = back->out->state[LAST_H][s];
    size_t E = width_of(back->network, back->layer);
    dm_real *const *grad = back->buffer_grad, *const *out = back->out->layer;
    for (size_t i = 0; i < E; i++) {
        dm_real dh = 0;
        for (size_t t = end; t-- > first;) {
            size_t at = t * E + i;
            dm_real a = exp(-out[STEP][at]), before = t > first ? out[H][at - E] : initial[i];
            dh += grad[D_H][at];
            grad[D_X][at] = (1 - a) * dh;
            /* through a, then the softplus, whose slope is 1 - exp(-g) */
            grad[D_STEP][at] = -a * dh * (before - out[X][at]) * (1 - a);
            dh *= a;
        }
    }
}

static dm_status outputs_back(const struct dm_layer_back *back) {
    const struct weights *transposed = back->transposed;
    dm_real *const *grad = back->buffer_grad, *const *out = back->out->layer;
    size_t n = back->n_after, d_model = back->network->config.d_model;
    dm_status status = dm_back_weight(back, OUT_MATRIX, back->dresidual, out[H], n);
    if (!status)
        status = dm_back_multiply(back, transposed->out, back->dresidual, n, false, grad[D_H]);
    if (status)
        return status;
    for (size_t s = 0; s < back->n_sequence; s++)
        recur_back(back, s);
    status = dm_back_weight(back, GATE_MATRIX, grad[D_STEP], out[X], n);
    if (!status)
        status = dm_back_multiply(back, transposed->gate, grad[D_STEP], n, true, grad[D_X]);
    dm_rows_clear(back->dnormed_cut, n, d_model); /* normed goes into no output directly */
    return status;
}

static dm_status inputs_back(const struct dm_layer_back *back) {
    const struct weights *transposed = back->transposed;
    const size_t *start = back->in->start;
    size_t E = width_of(back->network, back->layer);
    const dm_real *shift = weights_of(back->network, back->layer)->shift, *v = back->in->layer[V];
    const dm_real *dx = dm_back_spread(back, back->buffer_grad[D_X], E, back->buffer_grad[D_ALL_X]);
    dm_real *dv = back->buffer_grad[D_V], *dshift = back->gradient[SHIFT];
    for (size_t s = 0; s < back->n_sequence; s++)
        for (size_t t = start[s]; t < start[s + 1]; t++)
            for (size_t i = 0; i < E; i++) {
                bool is_last = t + 1 == start[s + 1];
                dv[t * E + i] = dx[t * E + i] + (is_last ? 0 : shift[i] * dx[(t + 1) * E + i]);
                dm_real before = t > start[s] ? v[(t - 1) * E + i] : back->in->state[LAST_V][s][i];
                if (dshift)
                    dshift[i] += dx[t * E + i] * before;
            }
    dm_status status = dm_back_weight(back, IN_MATRIX, dv, back->in->normed, back->n);
    return status ? status
                  : dm_back_multiply(back, transposed->in, dv, back->n, back->adds, back->dnormed);
}

/* ---- What others look at ---- */

static size_t n_step(const struct dm_layer_config *config) {
    return config->size[WIDTH];
}

static const dm_real *steps(const struct dm_batch *batch, size_t layer) {
    (void)layer;
    return batch->at->layer[STEP];
}

static void show(const struct dm_batch *batch, size_t layer, size_t row, dm_probe_view *view) {
    view->d_inner = width_of(batch->network, layer);
    view->delta = (const float *)(batch->at->layer[STEP] + row * view->d_inner);
}

static void slowest_decay(const struct dm_layer *layer, double *rate) {
    for (size_t i = 0; i < layer->config->size[WIDTH]; i++)
        rate[i] = 1; /* a = exp(-g) */
}

const struct dm_layer_kind dm_gated = {
    .name = "gated",
    .sizes = sizes,
    .n_size = sizeof sizes / sizeof *sizes,
    .configure = configure,
    .describe = describe,
    .names = names,
    .n_step = n_step,
    .parameters = parameters,
    .n_parameter = N_PARAMETER,
    .shape = shape,
    .draw = draw,
    .weights_size = sizeof(struct weights),
    .weights = weights,
    .buffers = buffers,
    .gradients = gradients,
    .states = states,
    .n_state = sizeof states / sizeof *states,
    .state_shape = state_shape,
    .inputs = inputs,
    .delta = delta,
    .outputs = outputs,
    .restore = recur,
    .outputs_back = outputs_back,
    .inputs_back = inputs_back,
    .steps = steps,
    .show = show,
    .slowest_decay = slowest_decay,
};
