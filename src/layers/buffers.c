#include "layers/buffers.h"

#include <string.h>

#include "base/memory.h"

enum { alignment = 64, every_part = DM_PART_INPUT | DM_PART_HANDED | DM_PART_SCAN };

size_t dm_buffers_of_token(const struct dm_layer_config *layer, bool training,
                           struct dm_buffer_row rows[DM_MAX_BUFFER]) {
    const struct dm_buffer_use use = {.n_token = 1, .n_sequence = 1, .training = training};
    return layer->kind->buffers(layer, &use, rows);
}

void *dm_arena_take(struct dm_arena *arena, size_t count, size_t size) {
    size_t n_byte, begin = arena->used;
    if (!dm_size_mul(count, size, &n_byte) || !dm_size_add(n_byte, alignment - 1, &n_byte) ||
        !dm_size_add(begin, n_byte - n_byte % alignment, &arena->used))
        arena->overflow = true;
    return arena->bytes && !arena->overflow ? arena->bytes + begin : NULL;
}

/* Rows of `width` reals, if it is one of these lives and parts. */
struct placing {
    unsigned lives, parts;
    struct dm_arena *arena;
};

static bool wanted(const struct placing *placing, unsigned life, unsigned part) {
    return (life & placing->lives) && (part & placing->parts);
}

static void take(const struct placing *placing, unsigned life, unsigned part, size_t n_row,
                 size_t width, dm_real **buffer) {
    if (wanted(placing, life, part) && width)
        *buffer = dm_arena_take(placing->arena, n_row, width * sizeof(dm_real));
}

static void place_rows(const struct placing *placing, const struct dm_buffer_row *rows, size_t n,
                       dm_real *buffers[DM_MAX_BUFFER]) {
    for (size_t i = 0; i < n; i++)
        take(placing, rows[i].life, rows[i].part, rows[i].n_row, rows[i].width, &buffers[i]);
    for (size_t i = 0; i < n; i++)
        if (!buffers[i] && rows[i].same_as)
            buffers[i] = buffers[rows[i].same_as - 1];
}

void dm_buffers_place(const struct dm_layer_config *layer, size_t n_token, size_t n_sequence,
                      unsigned lives, unsigned parts, struct dm_arena *arena,
                      struct dm_buffers *at) {
    const struct placing placing = {lives, parts, arena};
    const struct dm_buffer_use use = {
        .n_token = n_token, .n_sequence = n_sequence, .training = true};
    struct dm_buffer_row rows[DM_MAX_BUFFER];
    size_t n = layer->kind->buffers(layer, &use, rows), d_model = layer->d_model;
    take(&placing, DM_LIFE_PER_LAYER, DM_PART_INPUT, n_token, d_model, &at->residual);
    take(&placing, DM_LIFE_SCRATCH, DM_PART_INPUT, n_token, 1, &at->score);
    take(&placing, DM_LIFE_SCRATCH, DM_PART_HANDED, n_token, d_model, &at->normed);
    place_rows(&placing, rows, n, at->layer);
}

void dm_gradients_place(const struct dm_layer_config *layer, size_t n_token, struct dm_arena *arena,
                        dm_real *buffers[DM_MAX_BUFFER]) {
    struct dm_buffer_row rows[DM_MAX_BUFFER];
    size_t n = layer->kind->gradients(layer, n_token, rows);
    for (size_t i = 0; i < n; i++)
        buffers[i] = dm_arena_take(arena, rows[i].n_row, rows[i].width * sizeof(dm_real));
}

/* The buffers of every sort begin at the same address: one layer runs at a time. */
static void place_sorts(const struct dm_model_config *config, const struct dm_slice_plan *slices,
                        size_t capacity, struct dm_arena *arena, struct dm_buffers *at) {
    struct dm_arena start = *arena;
    const struct dm_buffer_use use = {
        .n_token = capacity, .n_sequence = capacity, .sliced = slices->width > 0};
    for (size_t sort = 0; sort < config->n_sort; sort++) {
        const struct dm_layer_config *layer = &config->sorts[sort];
        struct dm_buffer_row rows[DM_MAX_BUFFER];
        struct dm_arena taken = start;
        const struct placing placing = {DM_EVERY_LIFE, every_part, &taken};
        place_rows(&placing, rows, layer->kind->buffers(layer, &use, rows), at->sorts[sort]);
        arena->used = taken.used > arena->used ? taken.used : arena->used;
        arena->overflow |= taken.overflow;
    }
    memcpy(at->layer, at->sorts[0], sizeof at->layer);
}

static void place_reading(const struct dm_model_config *config, const struct dm_slice_plan *slices,
                          size_t capacity, struct dm_arena *arena, struct dm_buffers *at) {
    size_t row = config->d_model * sizeof(dm_real);
    size_t n_scratch = slices->n_worker * 2 * slices->width;
    at->residual = dm_arena_take(arena, capacity, row);
    at->normed = dm_arena_take(arena, capacity, row);
    at->score = dm_arena_take(arena, capacity, sizeof *at->score);
    place_sorts(config, slices, capacity, arena, at);
    if (slices->row_bytes)
        at->prepared = dm_arena_take(arena, capacity, slices->row_bytes);
    if (n_scratch)
        at->scratch = dm_arena_take(arena, capacity, n_scratch * sizeof *at->scratch);
    at->start = dm_arena_take(arena, capacity + 1, sizeof *at->start);
    at->ids = dm_arena_take(arena, capacity, sizeof *at->ids);
    for (size_t i = 0; i < DM_MAX_STATE; i++)
        at->state[i] = dm_arena_take(arena, capacity, sizeof *at->state[i]);
}

bool dm_buffers_bytes(const struct dm_model_config *config, const struct dm_slice_plan *slices,
                      size_t capacity, size_t *n_byte) {
    struct dm_buffers nowhere = {0};
    struct dm_arena arena = {0};
    place_reading(config, slices, capacity, &arena, &nowhere);
    *n_byte = arena.used;
    return !arena.overflow;
}

dm_status dm_buffers_new(const struct dm_model_config *config, const struct dm_slice_plan *slices,
                         size_t capacity, struct dm_buffers **result, dm_error *error) {
    struct dm_buffers *buffers = dm_memory_zeroed(1, sizeof *buffers);
    size_t n_byte;
    if (buffers && dm_buffers_bytes(config, slices, capacity, &n_byte))
        buffers->bytes = dm_memory_array(n_byte, 1);
    if (!buffers || !buffers->bytes) {
        dm_buffers_free(buffers);
        return dm_fail_memory(error, "the activations");
    }
    struct dm_arena arena = {.bytes = buffers->bytes};
    place_reading(config, slices, capacity, &arena, buffers);
    buffers->capacity = capacity;
    *result = buffers;
    return DM_OK;
}

void dm_buffers_free(struct dm_buffers *buffers) {
    if (buffers)
        dm_memory_free(buffers->bytes);
    dm_memory_free(buffers);
}
