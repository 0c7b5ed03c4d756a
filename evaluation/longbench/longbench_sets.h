/* LongBench's English data sets, and how each is judged (Bai et al. 2024, pred.py and eval.py). */
#ifndef DECIMAMBA_EVALUATION_LONGBENCH_SETS_H
#define DECIMAMBA_EVALUATION_LONGBENCH_SETS_H

#include "metrics/answer_metrics.h"

struct longbench_set {
    const char *name; /* in files, prompts and limits */
    enum answer_metric metric;
    bool in_extended; /* LongBench-E has it too */
    bool first_line;  /* the answer is judged by its first line that is not empty */
    bool one_line;    /* generation ends at the token of a line break, and does not begin with it */
};

enum { n_longbench_set = 16 };
extern const struct longbench_set longbench_sets[n_longbench_set];

#endif
