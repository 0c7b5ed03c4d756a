/* Which channels of a layer hold a memory over the whole text, and the settings that go with a
 * checkpoint; kept as decimamba.json beside it. */
#ifndef DM_METHODS_CALIBRATION_H
#define DM_METHODS_CALIBRATION_H

#include <stdbool.h>

#include "base/status.h"

struct dm_layer_channels {
    size_t n_channel;
    uint32_t *channels; /* ascending */
};

struct dm_calibration {
    size_t n_layer;
    struct dm_layer_channels *layers; /* [n_layer]; no channels: not calibrated */
    dm_method_options method; /* default settings; its layers and values belong to this struct */
    size_t *method_layers;
    dm_method_value *method_values;
    size_t length, n_passage; /* what it was measured on; 0: not said */
    double share;
};

dm_status dm_calibration_new(size_t n_layer, struct dm_calibration **calibration, dm_error *error);
void dm_calibration_free(struct dm_calibration *calibration);
/* Takes a copy of `method` as the default settings. */
dm_status dm_calibration_set_method(struct dm_calibration *calibration,
                                    const dm_method_options *method, dm_error *error);

/* The `share` of channels (at least one) with the smallest log-decay[c] become the layer's; of
 * equal ones the lower index. A NaN counts as infinite. */
dm_status dm_calibration_choose(struct dm_calibration *calibration, size_t layer,
                                const double *log_decay, size_t n_step, double share,
                                dm_error *error);

/* Reads path (a decimamba.json) for a model of these sizes. */
dm_status dm_calibration_read(const char *path, size_t n_layer, size_t n_step,
                              struct dm_calibration **calibration, dm_error *error);
/* The same of `settings`, or, where that is NULL, of directory/decimamba.json; where there is no such
 * file, or `settings` is "", `*calibration` is left as it is. */
dm_status dm_calibration_find(const char *directory, const char *settings, size_t n_layer,
                              size_t n_step, struct dm_calibration **calibration, dm_error *error);
dm_status dm_calibration_write(const struct dm_calibration *calibration, const char *path,
                               dm_error *error);

#endif
