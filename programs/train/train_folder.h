/* The folder that a training writes:
 *
 *     run.json         its settings, a run file
 *     step-00000100/   a checkpoint that a training can go on from
 *     last, best       links to such ones
 *     metrics.jsonl    a line for each step
 *     events/          the same for TensorBoard
 *     loss.png         drawn at the end, from loss.tsv
 *     model/           the model that came of it: there when, and only when, it is finished
 *
 * Faults print their line. */
#ifndef DECIMAMBA_TRAIN_FOLDER_H
#define DECIMAMBA_TRAIN_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/output_folder.h"

struct train_folder {
    struct output_folder output;
    char *path; /* absolute */
};

/* Makes the folder where it is not there, locks it against other trainings, and removes what a
 * training that was killed left half-written. One that holds something else is refused. It can be
 * closed either way. */
bool train_folder_open(struct train_folder *folder, const char *path);
/* Removes the folder again where it was made here and is still empty. */
void train_folder_close(struct train_folder *folder);

/* The path of something in the folder; allocated, NULL after printing that memory is short. */
char *train_folder_at(const struct train_folder *folder, const char *name);
bool train_folder_has(const struct train_folder *folder, const char *name);
/* The same of step `step`'s checkpoint. */
char *train_folder_step(const struct train_folder *folder, size_t step);

/* Points the link `name` at step `step`'s checkpoint, in one move. */
bool train_folder_link(const struct train_folder *folder, const char *name, size_t step);
/* Removes checkpoints but for the `keep` newest up to `step`, and that of `best_step`. */
void train_folder_prune(const struct train_folder *folder, size_t keep, size_t step,
                        size_t best_step);

#endif
