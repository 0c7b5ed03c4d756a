/* What somebody changes of layers between their `delta` and their `outputs`, without knowing a kind
 * of layer by name; layers do not know by which method. A kind says in its table what of it its
 * layers heed (`adjusts`), and calls these where it has made Delta, reads A, or has moved a state
 * on. Hooks are called on several threads at once, for other rows or channels each. Without a
 * batch's `adjust` nothing of it costs anything. */
#ifndef DM_LAYERS_ADJUST_H
#define DM_LAYERS_ADJUST_H

#include <stdbool.h>
#include <stddef.h>

#include "ops/real.h"

struct dm_batch;
struct dm_method;

/* What can be changed. */
enum dm_adjustable { DM_ADJUST_DELTA = 1, DM_ADJUST_A = 2, DM_ADJUST_STATE = 4 };

/* Some channels of some of a batch's rows. */
struct dm_delta_view {
    const struct dm_batch *batch;
    size_t first_row, n_row, first_channel, n_channel;
    dm_real *values; /* [n_row, n_channel]; rows are `stride` apart */
    size_t stride;
};

/* Some channels of one sequence's state in a layer. */
struct dm_state_view {
    size_t n_read; /* tokens of the layer's own input that it holds */
    size_t first_channel, n_channel, d_state;
    dm_real *values; /* [d_state, n_channel]; rows are `stride` apart */
    size_t stride;
};

struct dm_adjust {
    const struct dm_method *method; /* whom the hooks are given; what they may be is NULL: */
    void (*delta)(const struct dm_method *method, size_t layer, const struct dm_delta_view *delta);
    /* The backward pass: `delta` as the hook above left it becomes what it was, and `gradient`, of what
     * it left, that of what it was. */
    void (*delta_back)(const struct dm_method *method, size_t layer,
                       const struct dm_delta_view *delta, const struct dm_delta_view *gradient);
    const dm_real *const *A; /* [n_layer]: as the weights have it, changed */
    /* Called whenever the tokens that a state holds are a multiple of `period` (0: of 1), so that
     * the split of a text into calls changes nothing. */
    void (*state)(const struct dm_method *method, size_t layer, const struct dm_state_view *state);
    size_t period;
    bool whole_rows; /* hooks want all channels of a token, or of a state, at once */
};

#endif
