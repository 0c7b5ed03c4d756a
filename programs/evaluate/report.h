/* The report of `decimamba evaluate`: every outcome of methods on a task's prompts, kept in memory
 * and in a journal from which a later call goes on; then tables, pictures and a JSON file of them.
 *
 *     DIR/outcomes.jsonl                       the journal (report_journal.h)
 *     DIR/table.md, report.json                what report_print shows, and all its figures
 *     DIR/TASK.png, .svg, .tsv                 the picture, and its numbers
 *     DIR/MODEL/..., models.json, table.md     of several models: all of that for each, and together
 *
 * Faults print their line. */
#ifndef DECIMAMBA_EVALUATE_REPORT_H
#define DECIMAMBA_EVALUATE_REPORT_H

#include <stdio.h>

#include "cli/method_specs.h"
#include "report_journal.h"
#include "task.h"
#include "task_run.h"

struct report_outcome {
    bool done;
    double score; /* NAN where the model gave none */
    size_t n_token;
};

struct report {
    const struct task *task;
    const struct method_list *methods;
    const char *model; /* as titles name it */
    size_t trained;    /* 0: unknown */
    json_t *settings;
    struct report_outcome *outcomes; /* [n_method, n_prompt] */
    bool *announced;                 /* [n_method] the journal has the method's line */
    struct report_journal journal;
};

/* Makes room for the outcomes, and reads those that are in `directory` (NULL: nothing is written) of
 * these methods; others there are left alone. `settings`, whose reference is taken (NULL: memory was
 * short), is all that decides the prompts and the model's identity: a journal of other settings is
 * refused, and so is a method whose options are others now, or that is named twice. `trained` is
 * the value of columns up to which the model was trained. The rest is borrowed. The report can be
 * closed either way. */
bool report_open(struct report *report, const struct task *task, const struct method_list *methods,
                 const char *directory, const char *model, json_t *settings, size_t trained);

/* Whether this prompt's outcome is known. */
bool report_done(const struct report *report, size_t method, size_t prompt);
/* Its score, once it is done. */
double report_score(const struct report *report, size_t method, size_t prompt);
/* Takes an outcome (and copies what it needs) of a prompt that was not done. */
bool report_add(struct report *report, size_t method, size_t prompt,
                const struct task_outcome *outcome);
/* After each batch: brings what was added to the disk. */
bool report_flush(struct report *report);

/* Prints the tables for a terminal of `width` characters. Cells without outcomes show "-". */
bool report_print(const struct report *report, FILE *stream, size_t width);
/* The same of several models that did one task, as one table; each is called by its name. */
struct report_group {
    const struct report *const *reports; /* [n] */
    const char *const *names;            /* [n] */
    size_t n;
};
bool report_group_print(const struct report_group *group, FILE *stream, size_t width);
/* Writes table.md of them. */
bool report_group_write(const struct report_group *group, const char *folder);
/* What report.json holds; NULL after a fault, whose line is printed. */
json_t *report_to_json(const struct report *report);
/* Writes table.md, report.json and the picture; nothing without a directory. */
bool report_write(const struct report *report);

void report_close(struct report *report);

#endif
