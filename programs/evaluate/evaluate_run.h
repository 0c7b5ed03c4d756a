/* What commands that ask a task's prompts have in common: the tasks, a model, the methods, and the
 * report of their outcomes. Faults print their line. */
#ifndef DECIMAMBA_EVALUATE_RUN_H
#define DECIMAMBA_EVALUATE_RUN_H

#include "cli/method_specs.h"
#include "cli/model_flags.h"
#include "evaluate_tasks.h"
#include "report.h"

struct evaluate_flags {
    const struct evaluate_task *kind;
    const char *output; /* NULL: nothing is written */
    size_t batch, trained;
    bool trained_given, json;
    struct evaluate_settings task;
    struct model_flags model;
};

enum { n_evaluate_option = 6 };
/* Sets the defaults, and makes the table of the flags but the task's and the model's own. */
void evaluate_flags_table(struct evaluate_flags *flags, struct option table[n_evaluate_option]);

struct evaluate_run {
    const struct evaluate_flags *flags;
    const char *directory; /* of the model */
    const char *output;    /* where its outcomes go; NULL: nowhere */
    size_t trained;        /* its training length, by the flag or its decimamba.json; 0: unknown */
    dm_tokenizer *tokenizer;
    dm_model *model;
    dm_model_info info;
    int32_t *stops; /* [n_stop] tokens that end an answer */
    size_t n_stop;
    struct method_list methods; /* the caller's to fill, between load and open */
    struct evaluate_data data;
    struct report report;
};

/* The task that arguments[1] names, of `decimamba COMMAND TASK ...`, with `groups` of flags that all of
 * them take; or prints what is asked for in its place. A fault prints its line. */
enum options_result evaluate_task_choose(const struct command *command,
                                         const struct option_group *groups, int n_argument,
                                         char **arguments, const struct evaluate_task **kind);

/* The training length in tokens, where a flag gives it; else 0. */
size_t evaluate_trained_length(const struct evaluate_flags *flags);
/* Opens the model and its tokenizer. The run can be closed whatever came before. */
bool evaluate_run_load(struct evaluate_run *run);
/* Makes the task, checks the methods, and opens the report. */
bool evaluate_run_open(struct evaluate_run *run);
/* Answers what the report does not know yet. The exit status. */
int evaluate_run_answer(struct evaluate_run *run);
/* Prints the report, but not where JSON is wanted, and writes its files. */
bool evaluate_run_show(struct evaluate_run *run);
/* Frees the model alone; what the report knows stays, but for the methods' options. */
void evaluate_run_unload(struct evaluate_run *run);
void evaluate_run_close(struct evaluate_run *run);

#endif
