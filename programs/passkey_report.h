/* One method's table of the pass-key task, shown while it fills. */
#ifndef DECIMAMBA_PROGRAMS_PASSKEY_REPORT_H
#define DECIMAMBA_PROGRAMS_PASSKEY_REPORT_H

#include "method_list.h"
#include "passkey/passkey.h"

enum { passkey_max_depth = 101 };

struct passkey_report_options {
    struct size_list lengths;
    size_t n_depth, n_key, batch, trained;
    uint64_t seed;
};

/* Runs the prompts of every length and depth, prints the table (in colours, and again with every
 * batch, where standard output is a terminal), and appends the outcomes to `outcomes`, an array.
 * Faults print their line. */
bool passkey_report(const struct passkey_report_options *options, const struct passkey_task *task,
                    const dm_model *model, const dm_model_info *info, const struct method *method,
                    bool first, json_t *outcomes);

#endif
