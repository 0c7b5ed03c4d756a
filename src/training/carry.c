#include "training/carry.h"

#include <string.h>
#include <tgmath.h>

#include "base/memory.h"
#include "base/random.h"

/* Sequences that the fitted mean and variance look back on, about: the model, and with it its states,
 * changes as it learns. */
enum { fit_memory = 1000 };

dm_status dm_carry_init(struct dm_carry *carry, const dm_trainer_options *options,
                        const struct dm_model_config *config, dm_error *error) {
    *carry = (struct dm_carry){.kind = options->carry,
                               .noise = options->carry_noise,
                               .seed = options->seed,
                               .config = config,
                               .state_size = dm_state_size(config)};
    if (carry->kind != DM_CARRY_FITTED)
        return DM_OK;
    carry->mean = dm_memory_zeroed(carry->state_size, sizeof *carry->mean);
    carry->variance = dm_memory_zeroed(carry->state_size, sizeof *carry->variance);
    return carry->mean && carry->variance ? DM_OK : dm_fail_memory(error, "the states' statistics");
}

void dm_carry_free(struct dm_carry *carry) {
    dm_memory_free(carry->slots);
    dm_memory_free(carry->mean);
    dm_memory_free(carry->variance);
    dm_memory_free(carry->pending);
    dm_memory_free(carry->first);
    *carry = (struct dm_carry){0};
}

/* Room for n sequences' states; the first n_there stay. */
static dm_status grow(const struct dm_carry *carry, dm_real **states, size_t n_there, size_t n,
                      dm_error *error) {
    size_t n_real;
    dm_real *room =
        dm_size_mul(n, carry->state_size, &n_real) ? dm_memory_zeroed(n_real, sizeof *room) : NULL;
    if (!room)
        return dm_fail_memory(error, "the states that sequences start from");
    if (n_there)
        memcpy(room, *states, n_there * carry->state_size * sizeof *room);
    dm_memory_free(*states);
    *states = room;
    return DM_OK;
}

dm_status dm_carry_reserve(struct dm_carry *carry, size_t n, dm_error *error) {
    if (n <= carry->n_slot)
        return DM_OK;
    dm_status status = grow(carry, &carry->slots, carry->n_slot, n, error);
    if (!status)
        carry->n_slot = n;
    return status;
}

/* ---- Where a sequence starts ---- */

/* One layer's recurrent state; the rows of its convolution, which are inputs and no memory, stay, as
 * does what scales a state. */
static void draw_layer(const struct dm_carry *carry, size_t layer, struct dm_random *random,
                       dm_real *states) {
    const struct dm_layer_config *config = dm_layer_config_of(carry->config, layer);
    for (size_t i = 0; i < config->kind->n_state; i++) {
        const struct dm_state_row *row = &config->kind->states[i];
        size_t first = dm_state_offset(carry->config, layer, i);
        size_t end = first + dm_shape_n_element(config->kind->state_shape(config, i));
        for (size_t e = first; e < end && row->after_cut && !row->scales; e++) {
            dm_real normal = (dm_real)dm_random_normal(random);
            states[e] = carry->kind == DM_CARRY_NOISE
                            ? (dm_real)carry->noise * normal
                            : carry->mean[e] + sqrt(carry->variance[e]) * normal;
        }
    }
}

/* Each sequence's noise has a stream of its own. */
static void draw(const struct dm_carry *carry, size_t number, dm_real *states) {
    struct dm_random random;
    dm_random_seed(&random, carry->seed);
    dm_random_seed(&random, dm_random_bits(&random) + carry->n_drawn + number);
    for (size_t layer = 0; layer < carry->config->n_layer; layer++)
        draw_layer(carry, layer, &random, states);
}

static void start(const struct dm_carry *carry, size_t number, size_t cut, dm_real *states) {
    struct dm_state view = {states};
    if (carry->kind == DM_CARRY_STATE)
        memcpy(states, carry->slots + number * carry->state_size,
               carry->state_size * sizeof *states);
    else
        draw(carry, number, states);
    dm_state_clear_above(carry->config, &view, cut);
}

/* Room for n sequences of a batch, after those that are pending. */
static dm_status make_room(struct dm_carry *carry, size_t n, dm_error *error) {
    size_t n_all = carry->n_pending + n;
    dm_status status = DM_OK;
    if (carry->kind == DM_CARRY_STATE)
        status = dm_carry_reserve(carry, n_all, error);
    if (!status && n > carry->first_capacity) {
        status = grow(carry, &carry->first, 0, n, error);
        carry->first_capacity = status ? carry->first_capacity : n;
    }
    if (!status && carry->kind != DM_CARRY_NOISE && n_all > carry->pending_capacity) {
        size_t capacity = n_all + n_all / 2;
        status = grow(carry, &carry->pending, carry->n_pending, capacity, error);
        carry->pending_capacity = status ? carry->pending_capacity : capacity;
    }
    return status;
}

dm_status dm_carry_begin(struct dm_carry *carry, const unsigned char *from_zero, size_t cut,
                         struct dm_pass_batch *batch, dm_error *error) {
    size_t n = carry->state_size;
    if (carry->kind == DM_CARRY_NONE)
        return DM_OK;
    dm_status status = make_room(carry, batch->n_sequence, error);
    if (status)
        return status;
    memset(carry->first, 0, batch->n_sequence * n * sizeof *carry->first);
    for (size_t s = 0; s < batch->n_sequence; s++)
        if (!from_zero || !from_zero[s])
            start(carry, carry->n_pending + s, cut, carry->first + s * n);
    batch->first_states = carry->first;
    if (carry->kind != DM_CARRY_NOISE)
        batch->last_states = carry->pending + carry->n_pending * n;
    return DM_OK;
}

/* ---- What a sequence leaves ---- */

void dm_carry_end(struct dm_carry *carry, const struct dm_pass_batch *batch) {
    if (carry->kind != DM_CARRY_NONE)
        carry->n_pending += batch->n_sequence;
}

static bool is_finite(const dm_real *states, size_t n) {
    for (size_t e = 0; e < n; e++)
        if (!isfinite(states[e]))
            return false;
    return true;
}

/* The mean and variance of all so far, or, of many, with a share that falls with age. */
static void fit(struct dm_carry *carry, dm_real *states) {
    struct dm_state view = {states};
    dm_state_apply_scales(carry->config, &view);
    carry->n_fitted++;
    dm_real share =
        (dm_real)1 / (dm_real)(carry->n_fitted < fit_memory ? carry->n_fitted : fit_memory);
    for (size_t e = 0; e < carry->state_size; e++) {
        dm_real away = states[e] - carry->mean[e];
        carry->mean[e] += share * away;
        carry->variance[e] = (1 - share) * (carry->variance[e] + share * away * away);
    }
}

void dm_carry_step(struct dm_carry *carry) {
    size_t n = carry->state_size;
    for (size_t i = 0; i < carry->n_pending && carry->kind != DM_CARRY_NOISE; i++) {
        dm_real *states = carry->pending + i * n;
        bool finite = is_finite(states, n);
        if (carry->kind == DM_CARRY_FITTED && finite)
            fit(carry, states);
        else if (carry->kind == DM_CARRY_STATE && finite)
            memcpy(carry->slots + i * n, states, n * sizeof *states);
        else if (carry->kind == DM_CARRY_STATE)
            memset(carry->slots + i * n, 0, n * sizeof *states);
    }
    carry->n_drawn += carry->kind == DM_CARRY_STATE ? 0 : carry->n_pending;
    carry->n_pending = 0;
}

void dm_carry_forget(struct dm_carry *carry) {
    carry->n_pending = 0;
}
