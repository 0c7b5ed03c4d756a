/* The flags that say how tokens are drawn, and where a generation ends. */
#ifndef DECIMAMBA_CLI_SAMPLING_FLAGS_H
#define DECIMAMBA_CLI_SAMPLING_FLAGS_H

#include "decimamba.h"
#include "options.h"

struct sampling_flags {
    size_t max_tokens;
    struct text_list stops;
    bool ignore_end;
    dm_sampler_options sampler;
    bool temperature_given, seed_given;
};

enum { n_sampling_option = 7, n_ending_option = 3 };
/* The table of the group "Sampling"; and rows for the head of another. */
void sampling_flags_table(struct sampling_flags *flags, struct option table[n_sampling_option]);
void ending_flags_rows(struct sampling_flags *flags, struct option rows[n_ending_option]);

/* After reading: checks the stop strings, and lets a flag that says which tokens to draw from draw.
 * Faults print their line, which begins with the command's name. */
bool sampling_flags_settle(struct sampling_flags *flags, const char *command);

#endif
