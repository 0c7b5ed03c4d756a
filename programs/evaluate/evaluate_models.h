/* An evaluation of one model, or of several side by side. */
#ifndef DECIMAMBA_EVALUATE_MODELS_H
#define DECIMAMBA_EVALUATE_MODELS_H

#include "evaluate_run.h"

/* As --methods and --method name them. */
struct named_methods {
    const char *list;
    struct text_list single;
};

/* Has each model answer the task's prompts by each method; prints the tables, or JSON, and writes the
 * files. Of several models one is in memory at a time; they stand in one table, and their outcomes in
 * folders of flags->output that have their names. The exit status; faults print their line. */
int evaluate_models(const struct evaluate_flags *flags, const struct text_list *models,
                    const struct named_methods *methods);

#endif
