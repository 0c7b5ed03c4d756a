/* Asking a task's prompts by several methods, and showing how it goes. */
#ifndef DECIMAMBA_EVALUATE_LOOP_H
#define DECIMAMBA_EVALUATE_LOOP_H

#include "report.h"
#include "task_run.h"

struct evaluation {
    struct task_run run; /* of the report's task, but for what is a method's, and the progress */
    bool quiet;          /* prints nothing of what is found */
    size_t batch;        /* prompts that are read together, at most */
    struct report *report;
};

enum evaluation_end { EVALUATION_FAILED, EVALUATION_INTERRUPTED, EVALUATION_DONE };

/* Answers what the report does not know yet. Of counts with rows the grid is shown as it fills, in
 * colours, where standard output is a terminal. Faults print their line. */
enum evaluation_end evaluate_methods(const struct evaluation *evaluation);

#endif
