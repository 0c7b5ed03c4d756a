/* What the steps of a training, and its checkpoints, work on. */
#ifndef DECIMAMBA_TRAIN_WORK_H
#define DECIMAMBA_TRAIN_WORK_H

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
    dm_method_options method; /* as at the end of the curriculum */
    struct train_state state;
    struct train_metrics metrics; /* open */

    size_t n_layer;
    size_t saved_step;        /* of the newest checkpoint; SIZE_MAX: none */
    size_t base_length;       /* that the trainer goes by now; 0: unknown */
    size_t *kept, *kept_once; /* [n_layer] tokens that entered, in a step and in a batch */
    struct train_batch batch;
    struct train_watch watch;
};

#endif
