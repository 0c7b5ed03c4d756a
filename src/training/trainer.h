/* A model being trained: see dm_trainer in decimamba.h. Arguments are checked in api/trainer.c. */
#ifndef DM_TRAINING_TRAINER_H
#define DM_TRAINING_TRAINER_H

#include "checkpoint/checkpoint.h"
#include "checkpoint/companions.h"
#include "training/carry.h"

struct dm_trainer {
    dm_trainer_options options; /* its arrays are not looked at after the start */
    struct dm_ops ops;
    struct dm_threads *threads;
    struct dm_trained_network trained;
    struct dm_calibration *calibration; /* NULL: the start had none */
    struct dm_companions companions;
    struct dm_method *method;
    struct dm_pass pass;
    struct dm_carry carry;
    double loss_sum, loss_weight; /* of what was accumulated since the last step */
    size_t n_step;                /* done */
    double mean_norm;             /* running, of the gradient's; 0: none yet */
    bool stale;                   /* the network is not yet that of the parameters */
};

dm_status dm_trainer_start(const char *directory, const dm_trainer_options *options,
                           struct dm_trainer **trainer, dm_error *error);
void dm_trainer_release(struct dm_trainer *trainer);
dm_status dm_trainer_use_method(struct dm_trainer *trainer, const dm_method_options *method,
                                dm_error *error);
/* from_zero: as in dm_training_batch. */
dm_status dm_trainer_run(struct dm_trainer *trainer, const struct dm_pass_batch *batch,
                         const unsigned char *from_zero, bool backward, struct dm_pass_loss *loss,
                         dm_error *error);
dm_status dm_trainer_apply(struct dm_trainer *trainer, dm_step_stats *stats, dm_error *error);

/* ---- trainer_file.c ---- */

/* config.json, model.safetensors (merged, float32), the companions, optimizer.safetensors,
 * trainer.json and, where there is something to say, decimamba.json. */
dm_status dm_trainer_write(const struct dm_trainer *trainer, const char *directory,
                           const char *note, dm_error *error);
/* The model's files alone. */
dm_status dm_trainer_write_model(const struct dm_trainer *trainer, const char *directory,
                                 dm_dtype dtype, dm_error *error);
dm_status dm_trainer_continue(const char *directory, const dm_trainer_options *options,
                              struct dm_trainer **trainer, char **note, dm_error *error);

#endif
