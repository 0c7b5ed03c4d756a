/* Reading, checking and writing the settings of a training. */
#ifndef DECIMAMBA_TRAIN_SETTINGS_H
#define DECIMAMBA_TRAIN_SETTINGS_H

#include "train_keys.h"

/* Reads the command line, and the run file that it names: what the command line says goes before
 * the file. Faults print their line; the settings are freed either way. */
enum options_result train_settings_read(const struct command *command, int n_argument,
                                        char **arguments, struct train_settings *settings);
void train_settings_free(struct train_settings *settings);

/* Whether there is held-out data. */
bool train_settings_held_out(const struct train_settings *settings);

/* The settings as a run file for `folder` (absolute). NULL: memory is short. */
json_t *train_settings_to_json(struct train_settings *settings, const char *folder);
/* What a run.json of the version before calls otherwise gets its name of today. */
void train_settings_use_new_names(struct train_settings *settings, json_t *before);
/* Whether a training begun with `before` may go on with `now` (both from train_settings_to_json);
 * the line that refuses it names `file`, where `before` stands, and the key. */
bool train_settings_agree(struct train_settings *settings, const json_t *before, const json_t *now,
                          const char *file);

/* What the library is told for a model with `n_layer` layers, as it is at the end of the
 * curriculum; it points into the settings. */
bool train_settings_method(struct train_settings *settings, size_t n_layer,
                           dm_method_options *method);
dm_trainer_options train_settings_options(const struct train_settings *settings,
                                          const dm_method_options *method);

#endif
