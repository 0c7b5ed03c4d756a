/* What changes in the course of a training. */
#ifndef DECIMAMBA_TRAIN_CURRICULUM_H
#define DECIMAMBA_TRAIN_CURRICULUM_H

#include "train_keys.h"

/* The longest sequence in step `step` (from 0). */
size_t train_length_at(const struct train_settings *settings, size_t step);
/* How large examples are in that step: documents of TASK_RETRIEVAL, else the longest sequence. */
size_t train_size_at(const struct train_settings *settings, size_t step);
/* Sequences in a batch of --carry-state next: as many chunks as fit whatever their length. */
size_t train_batch_chunks(const struct train_settings *settings);
/* The method's base_length in that step, where a share is asked for; else as it stands. */
size_t train_base_length_at(const struct train_settings *settings, const dm_method_options *method,
                            size_t step);

#endif
