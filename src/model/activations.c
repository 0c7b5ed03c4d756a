#include "model/activations.h"

#include <string.h>

#include "base/memory.h"
#include "ops/selective_scan/selective_scan.h"

enum {
    alignment = 64,
    n_buffer = 19,
    every_life = DM_LIFE_SCRATCH | DM_LIFE_PER_LAYER | DM_LIFE_RECOMPUTED,
    every_part = DM_PART_BATCH | DM_PART_INPUT | DM_PART_HANDED | DM_PART_SCAN
};

struct buffer {
    size_t offset; /* of its pointer in struct dm_activations */
    size_t row;    /* bytes; 0: nothing needs it */
    size_t n_row;
    enum dm_life life;
    enum dm_part part;
};

/* For reading, with the room of its walks; or for training (NULL), with the buffers that only a
 * backward pass reads. */
static void describe(const struct dm_model_config *config, size_t n_token, size_t n_sequence,
                     const struct dm_walk_room *walk, struct buffer buffers[n_buffer]) {
    const bool training = walk == NULL;
    const bool walks = walk && walk->width; /* then x is in a strip */
    const size_t strips = walk ? walk->n_worker * 2 * walk->width : 0;
    const size_t real = sizeof(dm_real), E = config->d_inner, BC = 2 * config->d_state;
    const size_t raw = training && config->mixer_norms, most = n_sequence;
#define BUFFER(field, row, n_row, life, part) \
    { offsetof(struct dm_activations, field), row, n_row, DM_LIFE_##life, DM_PART_##part }
    const struct buffer table[n_buffer] = {
        BUFFER(residual, config->d_model * real, n_token, PER_LAYER, INPUT),
        BUFFER(x, walks ? 0 : E * real, n_token, RECOMPUTED, INPUT),
        BUFFER(score, real, n_token, SCRATCH, INPUT),
        BUFFER(normed, config->d_model * real, n_token, SCRATCH, HANDED),
        BUFFER(u, E * real, n_token, RECOMPUTED, HANDED),
        BUFFER(raw_dt, raw * config->dt_rank * real, n_token, RECOMPUTED, HANDED),
        BUFFER(raw_BC, raw * BC * real, n_token, RECOMPUTED, HANDED),
        BUFFER(dt, config->dt_rank * real, n_token, RECOMPUTED, HANDED),
        BUFFER(BC, BC * real, n_token, RECOMPUTED, HANDED),
        BUFFER(delta, E * real, n_token, RECOMPUTED, HANDED),
        BUFFER(z, E * real, n_token, RECOMPUTED, SCAN),
        BUFFER(y, training * E * real, n_token, SCRATCH, SCAN),
        BUFFER(prepared, walk ? walk->row_bytes : 0, n_token, SCRATCH, SCAN),
        BUFFER(strips, strips * real, n_token, SCRATCH, SCAN),
        BUFFER(checkpoints, training * config->d_state * E * real,
               dm_scan_n_checkpoint(n_token, n_sequence), RECOMPUTED, SCAN),
        BUFFER(start, sizeof(size_t), most + 1, SCRATCH, BATCH),
        BUFFER(ids, sizeof(int32_t), n_token, SCRATCH, BATCH),
        BUFFER(conv_state, sizeof(dm_real *), most, SCRATCH, BATCH),
        BUFFER(ssm_state, sizeof(dm_real *), most, SCRATCH, BATCH),
    };
#undef BUFFER
    memcpy(buffers, table, sizeof table);
}

void *dm_arena_take(struct dm_arena *arena, size_t count, size_t size) {
    size_t n_byte, begin = arena->used;
    if (!dm_size_mul(count, size, &n_byte) || !dm_size_add(n_byte, alignment - 1, &n_byte) ||
        !dm_size_add(begin, n_byte - n_byte % alignment, &arena->used))
        arena->overflow = true;
    return arena->bytes && !arena->overflow ? arena->bytes + begin : NULL;
}

static void place(const struct buffer buffers[n_buffer], unsigned lives, unsigned parts,
                  struct dm_arena *arena, struct dm_activations *at) {
    for (int i = 0; i < n_buffer; i++) {
        if (!(buffers[i].life & lives) || !(buffers[i].part & parts) || !buffers[i].row)
            continue;
        void *buffer = dm_arena_take(arena, buffers[i].n_row, buffers[i].row);
        memcpy((unsigned char *)at + buffers[i].offset, &buffer, sizeof buffer);
    }
    /* what needs no buffer of its own */
    if (!at->y)
        at->y = at->z;
    if (!at->raw_dt)
        at->raw_dt = at->dt;
    if (!at->raw_BC)
        at->raw_BC = at->BC;
}

void dm_activations_place(const struct dm_model_config *config, size_t n_token, size_t n_sequence,
                          unsigned lives, unsigned parts, struct dm_arena *arena,
                          struct dm_activations *at) {
    struct buffer buffers[n_buffer];
    describe(config, n_token, n_sequence, NULL, buffers);
    place(buffers, lives, parts, arena, at);
}

bool dm_activations_bytes(const struct dm_model_config *config, const struct dm_walk_room *walk,
                          size_t capacity, size_t *n_byte) {
    struct buffer buffers[n_buffer];
    struct dm_activations nowhere = {0};
    struct dm_arena arena = {NULL, 0, false};
    describe(config, capacity, capacity, walk, buffers);
    place(buffers, every_life, every_part, &arena, &nowhere);
    *n_byte = arena.used;
    return !arena.overflow;
}

dm_status dm_activations_new(const struct dm_model_config *config, const struct dm_walk_room *walk,
                             size_t capacity, struct dm_activations **result, dm_error *error) {
    struct dm_activations *activations = dm_memory_zeroed(1, sizeof *activations);
    size_t n_byte;
    if (activations && dm_activations_bytes(config, walk, capacity, &n_byte))
        activations->bytes = dm_memory_array(n_byte, 1);
    if (!activations || !activations->bytes) {
        dm_activations_free(activations);
        return dm_fail_memory(error, "the activations");
    }
    struct buffer buffers[n_buffer];
    struct dm_arena arena = {activations->bytes, 0, false};
    describe(config, capacity, capacity, walk, buffers);
    place(buffers, every_life, every_part, &arena, activations);
    activations->capacity = capacity;
    *result = activations;
    return DM_OK;
}

void dm_activations_free(struct dm_activations *activations) {
    if (activations)
        dm_memory_free(activations->bytes);
    dm_memory_free(activations);
}
