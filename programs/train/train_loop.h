/* The steps of a training, with its looks at the held-out data and its checkpoints. */
#ifndef DECIMAMBA_TRAIN_LOOP_H
#define DECIMAMBA_TRAIN_LOOP_H

#include "train_work.h"

enum train_end { TRAIN_FAILED, TRAIN_INTERRUPTED, TRAIN_FINISHED };

/* Whether there is nothing more to do: all steps are done, or patience is at its end. */
bool train_is_finished(const struct train_settings *settings, const struct train_state *state,
                       size_t step);

/* Goes on to the last step. Faults print their line; what they and an interrupt leave behind is a
 * checkpoint to go on from. */
enum train_end train_loop_run(struct train_loop *loop);

#endif
