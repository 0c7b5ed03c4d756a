/* The steps of a training, with its looks at the held-out data and its checkpoints. */
#ifndef DECIMAMBA_TRAIN_LOOP_H
#define DECIMAMBA_TRAIN_LOOP_H

#include "train_data.h"
#include "train_folder.h"
#include "train_metrics.h"
#include "train_state.h"
#include "train_watch.h"

struct train_loop {
    /* to be set */
    const struct train_settings *settings;
    const struct train_data *data, *held_out; /* held_out NULL: none */
    const struct train_folder *folder;
    dm_trainer *trainer;
    dm_context_options context; /* as at the end of the curriculum */
    struct train_state state;
    struct train_metrics metrics; /* open */

    size_t n_layer;
    size_t saved_step;        /* of the newest checkpoint; SIZE_MAX: none */
    size_t base_length;       /* that the trainer goes by now; 0: unknown */
    size_t *kept, *kept_once; /* [n_layer] tokens that entered, in a step and in a batch */
    struct train_batch batch;
    struct train_watch watch;
};

enum train_end { TRAIN_FAILED, TRAIN_INTERRUPTED, TRAIN_FINISHED };

/* Whether there is nothing more to do: all steps are done, or patience is at its end. */
bool train_is_finished(const struct train_settings *settings, const struct train_state *state,
                       size_t step);

/* Goes on to the last step. Faults print their line; what they and an interrupt leave behind is a
 * checkpoint to go on from. */
enum train_end train_loop_run(struct train_loop *loop);

#endif
