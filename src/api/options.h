/* Structs that a caller gives or takes, from a decimamba.h that may be older or newer than this
 * library: "Options" at the top of decimamba.h states the rule. */
#ifndef DM_API_OPTIONS_H
#define DM_API_OPTIONS_H

#include "base/status.h"

/* The size of each struct as it was in version 0.1.0, by its last member then: the least that a
 * caller's may have. A member that is added later goes to the end, its default is 0, and no padding
 * follows it (tests/abi/ looks), or a still later one would begin within what older callers have. */
#define DM_SIZE_UP_TO(type, member) (offsetof(type, member) + sizeof(((type *)0)->member))
enum {
    dm_model_options_least = DM_SIZE_UP_TO(dm_model_options, settings),
    dm_model_info_least = DM_SIZE_UP_TO(dm_model_info, has_defaults),
    dm_method_options_least = DM_SIZE_UP_TO(dm_method_options, keep_tail),
    dm_method_setting_least = DM_SIZE_UP_TO(dm_method_setting, choices),
    dm_calibration_options_least = DM_SIZE_UP_TO(dm_calibration_options, log_decay),
    dm_trainer_options_least = DM_SIZE_UP_TO(dm_trainer_options, seed),
    dm_training_batch_least = DM_SIZE_UP_TO(dm_training_batch, keep_tail),
    dm_training_loss_least = DM_SIZE_UP_TO(dm_training_loss, n_prediction),
    dm_step_stats_least = DM_SIZE_UP_TO(dm_step_stats, learning_rate),
    dm_sampler_options_least = DM_SIZE_UP_TO(dm_sampler_options, seed),
};

struct dm_struct_kind {
    const char *name;  /* "dm_model_options" */
    size_t known, min; /* sizes: this library's, and the least */
};
#define DM_KIND(type) ((const struct dm_struct_kind){#type, sizeof(type), type##_least})

/* The line for an argument of `function` that must not be NULL. */
static inline dm_status dm_refuse_null(const char *function, dm_error *error) {
    return dm_fail(error, DM_ERROR_ARGUMENT, "%s: an argument is NULL", function);
}

/* Copies what `given` has over the defaults in `own`; NULL gives nothing. What it has beyond this
 * library's struct must be 0. */
dm_status dm_options_take(struct dm_struct_kind kind, void *own, const void *given,
                          dm_error *error);

/* Whether a struct to be filled has a size that makes sense. */
dm_status dm_result_check(struct dm_struct_kind kind, const void *wanted, dm_error *error);
/* Copies as much of `own` as `wanted` has room for, but for its struct_size; NULL: nothing. */
void dm_result_give(struct dm_struct_kind kind, const void *own, void *wanted);

#endif
