/* What a training writes of its model. Faults print their line. */
#ifndef DECIMAMBA_TRAIN_CHECKPOINT_H
#define DECIMAMBA_TRAIN_CHECKPOINT_H

#include "train_work.h"

/* Writes a checkpoint of now, unless there is one, and lets `last`, and where it `is_best` also
 * `best`, point to it; then removes older ones. */
bool train_checkpoint_save(struct train_loop *loop, bool is_best);

/* Writes the model of `trainer` as the folder's model/, whole or not at all. */
bool train_export(const struct train_folder *folder, const dm_trainer *trainer);

#endif
