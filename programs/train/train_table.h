/* The keys of a training, as options. */
#ifndef DECIMAMBA_TRAIN_TABLE_H
#define DECIMAMBA_TRAIN_TABLE_H

#include "train_keys.h"

enum train_group {
    TRAIN_MODEL,
    TRAIN_SEQUENCES,
    TRAIN_STEPS,
    TRAIN_METHOD,
    TRAIN_SHARE,
    TRAIN_CARRY,
    TRAIN_RUN, /* what may change when a training goes on */
    N_TRAIN_GROUP
};

struct train_table {
    struct option options[N_TRAIN_GROUP][n_method_option]; /* no group has more */
    struct option_group groups[N_TRAIN_GROUP + 1];
};

/* The table for `settings`, whose method flags are reset. */
void train_table_make(struct train_settings *settings, struct train_table *table);

#endif
