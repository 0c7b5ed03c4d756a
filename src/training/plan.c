/* Laying out a pass: which tokens each layer sees, and where everything lies. */
#include "base/memory.h"
#include "training/pass_parts.h"

enum { label_floats = 1 << 22, min_labels = 64 };

/* The span after `before`, of which `stage` keeps its share. */
static void cut_span(const struct dm_pass *pass, const struct dm_stage *stage,
                     const struct dm_span *before, struct dm_span *after) {
    after->start[0] = 0;
    for (size_t s = 0; s < pass->batch->n_sequence; s++) {
        size_t n = before->start[s + 1] - before->start[s], tail = dm_pass_tail(pass, s, n);
        after->start[s + 1] =
            after->start[s] + dm_method_budget(pass->method, stage, n - tail) + tail;
    }
    after->n_token = after->start[pass->batch->n_sequence];
}

static dm_status plan_spans(struct dm_pass *pass, dm_error *error) {
    size_t n_start = pass->batch->n_sequence + 1, n_layer = pass->trained->network.config.n_layer;
    pass->n_stage = pass->method->hooks ? pass->method->n_stage : 0;
    size_t need = n_start * (pass->n_stage + 1);
    if (!pass->layers)
        pass->layers = dm_memory_zeroed(n_layer, sizeof *pass->layers);
    dm_memory_free(pass->spans); /* the method may have changed */
    pass->spans = dm_memory_zeroed(pass->n_stage + 1, sizeof *pass->spans);
    if (need > pass->n_count) {
        dm_memory_free(pass->counts);
        pass->counts = dm_memory_array(need, sizeof *pass->counts);
        pass->n_count = pass->counts ? need : 0;
    }
    if (!pass->layers || !pass->spans || !pass->counts) {
        dm_memory_free(pass->layers); /* they point at spans that are gone */
        pass->layers = NULL;
        return dm_fail_memory(error, "a batch");
    }
    for (size_t i = 0; i <= pass->n_stage; i++)
        pass->spans[i].start = pass->counts + i * n_start;
    for (size_t s = 0; s < n_start; s++)
        pass->spans[0].start[s] = pass->batch->start[s];
    pass->spans[0].n_token = pass->batch->start[n_start - 1];
    for (size_t i = 0; i < pass->n_stage; i++)
        cut_span(pass, &pass->method->stages[i], &pass->spans[i], &pass->spans[i + 1]);
    return DM_OK;
}

static void assign_spans(struct dm_pass *pass) {
    const struct dm_stage *stages = pass->method->stages;
    for (size_t layer = 0, i = 0; layer < pass->trained->network.config.n_layer; layer++) {
        bool cuts = i < pass->n_stage && stages[i].layer == layer;
        pass->layers[layer] = (struct dm_layer_pass){.stage = cuts ? &stages[i] : NULL,
                                                     .before = &pass->spans[i],
                                                     .after = &pass->spans[i + cuts]};
        i += cuts;
    }
}

static void place_layer(const struct dm_pass *pass, size_t number, struct dm_arena *kept,
                        struct dm_arena *scratch) {
    const struct dm_layer_config *config =
        dm_layer_config_of(&pass->trained->network.config, number);
    struct dm_layer_pass *layer = &pass->layers[number];
    const unsigned own = pass->recompute || !pass->backward
                             ? DM_LIFE_PER_LAYER
                             : DM_LIFE_PER_LAYER | DM_LIFE_RECOMPUTED;
    const unsigned others = DM_EVERY_LIFE & ~own;
    size_t n = layer->before->n_token, n_after = layer->after->n_token;
    size_t n_sequence = pass->batch->n_sequence;
    const unsigned in = DM_PART_INPUT, handed = DM_PART_HANDED, from_scan = handed | DM_PART_SCAN;
    if (!layer->stage) {
        dm_buffers_place(config, n, n_sequence, own, in | from_scan, kept, &layer->in);
        dm_buffers_place(config, n, n_sequence, others, in | from_scan, scratch, &layer->in);
        layer->out = layer->in;
        return;
    }
    dm_buffers_place(config, n, n_sequence, own, in, kept, &layer->in);
    dm_buffers_place(config, n, n_sequence, others, in, scratch, &layer->in);
    dm_buffers_place(config, n, n_sequence, DM_EVERY_LIFE, handed, scratch, &layer->in);
    dm_buffers_place(config, n_after, n_sequence, own, from_scan, kept, &layer->out);
    dm_buffers_place(config, n_after, n_sequence, others, from_scan, scratch, &layer->out);
    layer->kept = dm_arena_take(kept, n_after, sizeof *layer->kept);
}

/* Those of all sorts of layers begin at one place: one layer is at work at a time. */
static void place_gradients(struct dm_pass *pass, struct dm_arena *arena) {
    const struct dm_model_config *config = &pass->trained->network.config;
    size_t n = pass->spans[0].n_token, D = config->d_model;
    struct dm_pass_gradients *gradients = &pass->gradients;
    gradients->dresidual = dm_arena_take(arena, n * D, sizeof(dm_real));
    gradients->dresidual_below = dm_arena_take(arena, n * D, sizeof(dm_real));
    gradients->dnormed = dm_arena_take(arena, n * D, sizeof(dm_real));
    gradients->dnormed_cut = dm_arena_take(arena, n * D, sizeof(dm_real));
    gradients->rstd = dm_arena_take(arena, n, sizeof(dm_real));
    const struct dm_arena start = *arena;
    for (size_t sort = 0; sort < config->n_sort; sort++) {
        struct dm_arena own = start;
        dm_gradients_place(&config->sorts[sort], n, &own, gradients->own[sort]);
        arena->used = own.used > arena->used ? own.used : arena->used;
        arena->overflow |= own.overflow;
    }
}

/* Reals of a sequence's states in a layer. */
static size_t state_size(const struct dm_layer_config *layer) {
    size_t n = 0;
    for (size_t i = 0; i < layer->kind->n_state; i++)
        n += dm_shape_n_element(layer->kind->state_shape(layer, i));
    return n;
}

static void place_states(struct dm_pass *pass, struct dm_arena *arena) {
    const struct dm_model_config *config = &pass->trained->network.config;
    size_t n = pass->batch->n_sequence;
    pass->state_size = 0;
    for (size_t sort = 0; sort < config->n_sort; sort++) {
        size_t own = state_size(&config->sorts[sort]);
        pass->state_size = own > pass->state_size ? own : pass->state_size;
    }
    for (size_t i = 0; i < DM_MAX_STATE; i++)
        pass->state[i] = dm_arena_take(arena, n, sizeof *pass->state[i]);
    pass->states = dm_arena_take(arena, n * pass->state_size, sizeof *pass->states);
    for (size_t i = 0; i < DM_MAX_STATE && pass->backward; i++)
        pass->state_grad[i] = dm_arena_take(arena, n, sizeof *pass->state_grad[i]);
    if (pass->backward)
        pass->state_grads = dm_arena_take(arena, n * pass->state_size, sizeof *pass->state_grads);
}

static void place_head(struct dm_pass *pass, struct dm_arena *arena) {
    const struct dm_model_config *config = &pass->trained->network.config;
    size_t n = label_floats / config->vocab_size, n_row = pass->spans[pass->n_stage].n_token;
    n = n < min_labels ? min_labels : n;
    n = n < n_row ? n : n_row;
    pass->label_capacity = n;
    pass->labelled = dm_arena_take(arena, n_row, sizeof *pass->labelled);
    pass->label_weight = dm_arena_take(arena, n_row, sizeof *pass->label_weight);
    pass->label_rows = dm_arena_take(arena, 2 * n * config->d_model, sizeof(dm_real));
    if (pass->backward)
        pass->label_gradients = dm_arena_take(arena, 2 * n * config->d_model, sizeof(dm_real));
    pass->logits = dm_arena_take(arena, n * config->vocab_size, sizeof(dm_real));
    pass->nll = dm_arena_take(arena, n, sizeof *pass->nll);
}

/* Returns the bytes; false: more than a size_t counts. */
static bool place(struct dm_pass *pass, unsigned char *bytes, size_t *n_byte) {
    const struct dm_model_config *config = &pass->trained->network.config;
    struct dm_arena arena = {bytes, 0, false};
    assign_spans(pass);
    for (size_t i = 1; i <= pass->n_stage; i++)
        pass->spans[i].position =
            dm_arena_take(&arena, pass->spans[i].n_token, sizeof *pass->spans[i].position);
    pass->scratch = dm_arena_take(&arena, pass->spans[0].n_token, sizeof *pass->scratch);
    place_states(pass, &arena);
    place_head(pass, &arena);
    if (pass->backward)
        place_gradients(pass, &arena);
    /* the layers' own, twice: first to see where the scratch of all of them begins */
    struct dm_arena start = arena, scratch = {NULL, 0, false}, end;
    for (size_t layer = 0; layer < config->n_layer; layer++)
        place_layer(pass, layer, &start, &scratch);
    pass->top = dm_arena_take(&start, pass->spans[pass->n_stage].n_token * config->d_model,
                              sizeof *pass->top);
    assign_spans(pass);
    end = start;
    for (size_t layer = 0; layer < config->n_layer; layer++) {
        scratch = start;
        place_layer(pass, layer, &arena, &scratch);
        end.used = scratch.used > end.used ? scratch.used : end.used;
        end.overflow |= scratch.overflow;
    }
    *n_byte = end.used;
    return !end.overflow && !arena.overflow;
}

static void link_layers(struct dm_pass *pass) {
    size_t n_layer = pass->trained->network.config.n_layer;
    for (size_t i = 0; i < n_layer; i++) {
        struct dm_layer_pass *layer = &pass->layers[i];
        layer->in.start = layer->before->start;
        layer->out.start = layer->after->start;
        layer->out.residual = i + 1 < n_layer ? pass->layers[i + 1].in.residual : pass->top;
        for (size_t k = 0; k < DM_MAX_STATE; k++)
            layer->in.state[k] = layer->out.state[k] = pass->state[k];
    }
}

dm_status dm_pass_plan(struct dm_pass *pass, dm_error *error) {
    size_t n_byte;
    dm_status status = plan_spans(pass, error);
    if (status)
        return status;
    if (!place(pass, NULL, &n_byte))
        return dm_fail_memory(error, "a batch of this size");
    if (n_byte > pass->n_byte) {
        dm_memory_free(pass->bytes);
        pass->bytes = dm_memory_array(n_byte, 1);
        pass->n_byte = pass->bytes ? n_byte : 0;
        if (!pass->bytes)
            return dm_fail_memory(error, "a batch of this size");
    }
    place(pass, pass->bytes, &n_byte);
    link_layers(pass);
    return DM_OK;
}

void dm_pass_free(struct dm_pass *pass) {
    dm_memory_free(pass->bytes);
    dm_memory_free(pass->counts);
    dm_memory_free(pass->spans);
    dm_memory_free(pass->layers);
    *pass = (struct dm_pass){0};
}
