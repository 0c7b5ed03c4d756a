#include "model/activations.h"

#include <string.h>

#include "base/memory.h"

enum { alignment = 64, n_buffer = 13 };

struct buffer {
    size_t offset;    /* of its pointer in struct dm_activations */
    size_t row_bytes; /* for each token */
    size_t extra_rows;
};

static void describe(const struct dm_model_config *config, struct buffer buffers[n_buffer]) {
#define ROWS(field, width) \
    { offsetof(struct dm_activations, field), (width) * sizeof(dm_real), 0 }
    const struct buffer table[n_buffer] = {
        ROWS(residual, config->d_model),
        ROWS(normed, config->d_model),
        ROWS(x, config->d_inner),
        ROWS(u, config->d_inner),
        ROWS(z, config->d_inner),
        ROWS(dt, config->dt_rank),
        ROWS(BC, 2 * config->d_state),
        ROWS(delta, config->d_inner),
        ROWS(score, 1),
        ROWS(ids, 1),
        {offsetof(struct dm_activations, start), sizeof(size_t), 1},
        {offsetof(struct dm_activations, conv_state), sizeof(dm_real *), 0},
        {offsetof(struct dm_activations, ssm_state), sizeof(dm_real *), 0},
    };
#undef ROWS
    for (int i = 0; i < n_buffer; i++)
        buffers[i] = table[i];
}

/* Where the buffer that begins at *end ends, rounded up. */
static bool advance(const struct buffer *buffer, size_t capacity, size_t *end) {
    size_t n_byte;
    if (!dm_size_mul(buffer->row_bytes, capacity + buffer->extra_rows, &n_byte) ||
        !dm_size_add(*end, n_byte, end) || !dm_size_add(*end, alignment - 1, end))
        return false;
    *end -= *end % alignment;
    return true;
}

bool dm_activations_bytes(const struct dm_model_config *config, size_t capacity, size_t *n_byte) {
    struct buffer buffers[n_buffer];
    describe(config, buffers);
    *n_byte = 0;
    for (int i = 0; i < n_buffer; i++)
        if (!advance(&buffers[i], capacity, n_byte))
            return false;
    return true;
}

dm_status dm_activations_new(const struct dm_model_config *config, size_t capacity,
                             struct dm_activations **result, dm_error *error) {
    struct dm_activations *activations = dm_memory_zeroed(1, sizeof *activations);
    size_t n_byte, end = 0;
    if (activations && dm_activations_bytes(config, capacity, &n_byte))
        activations->arena = dm_memory_array(n_byte, 1);
    if (!activations || !activations->arena) {
        dm_activations_free(activations);
        return dm_fail_memory(error, "the activations");
    }
    struct buffer buffers[n_buffer];
    describe(config, buffers);
    for (int i = 0; i < n_buffer; i++) {
        void *buffer = activations->arena + end;
        memcpy((unsigned char *)activations + buffers[i].offset, &buffer, sizeof buffer);
        advance(&buffers[i], capacity, &end);
    }
    activations->y = activations->z;
    activations->raw_dt = activations->dt;
    activations->raw_BC = activations->BC;
    activations->capacity = capacity;
    *result = activations;
    return DM_OK;
}

void dm_activations_free(struct dm_activations *activations) {
    if (activations)
        dm_memory_free(activations->arena);
    dm_memory_free(activations);
}
