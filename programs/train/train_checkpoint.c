#include "train_checkpoint.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/fail.h"

static bool save(const struct train_loop *loop, size_t step) {
    char *directory = train_folder_step(loop->folder, step);
    char *note = train_state_write(&loop->state);
    dm_error error;
    bool fine = (note || fail_memory()) && directory &&
                /* one that was not yet linked when the training was killed */
                output_folder_remove(&loop->folder->output, strrchr(directory, '/') + 1);
    if (fine && dm_trainer_save(loop->trainer, directory, note, &error))
        fine = fail("%s", error.message);
    free(note);
    free(directory);
    return fine;
}

bool train_checkpoint_save(struct train_loop *loop, bool is_best) {
    size_t step = dm_trainer_step_count(loop->trainer);
    if (loop->saved_step == step)
        return true;
    progress_clear(&loop->watch.progress); /* a fault's line begins at the margin */
    if (!train_metrics_sync(&loop->metrics) || !save(loop, step) ||
        !train_folder_link(loop->folder, "last", step) ||
        (is_best && !train_folder_link(loop->folder, "best", step)))
        return false;
    loop->saved_step = step;
    train_folder_prune(loop->folder, loop->settings->keep, step, loop->state.best_step);
    return true;
}

bool train_export(const struct train_folder *folder, const dm_trainer *trainer) {
    char *temporary = train_folder_at(folder, "model.tmp");
    char *directory = temporary ? train_folder_at(folder, "model") : NULL;
    dm_error error;
    bool fine = directory && output_folder_remove(&folder->output, "model.tmp");
    if (fine && dm_trainer_export(trainer, temporary, DM_DTYPE_F32, &error))
        fine = fail("%s", error.message);
    fine = fine && output_folder_remove(&folder->output, "model");
    if (fine && rename(temporary, directory))
        fine = fail("%s: cannot write: %s", directory, strerror(errno));
    if (!fine && temporary)
        output_folder_remove(&folder->output, "model.tmp");
    free(directory);
    free(temporary);
    return fine;
}
