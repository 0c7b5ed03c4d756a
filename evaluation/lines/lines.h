/* A task of one's own: prompts with their right answers, one JSON object a line.
 *
 *     {"prompt": TEXT, "answers": [TEXT, ...], "group": TEXT, "id": ...}
 *
 * "answer": TEXT, or "answers": TEXT, is a single right answer; "group", the table's row, and "id" may be
 * missing; what else a line holds is passed over. Files are untrusted; every error is one line that
 * names the file and its line. */
#ifndef DECIMAMBA_EVALUATION_LINES_H
#define DECIMAMBA_EVALUATION_LINES_H

#include "task.h"

enum lines_metric {
    LINES_EXACT,    /* SQuAD's exact match: of normalised words */
    LINES_CONTAINS, /* a right answer is somewhere in it, in lower case */
    LINES_F1,       /* SQuAD's F1 of normalised words */
    LINES_ROUGE_L   /* as LongBench measures summaries */
};

struct lines_options {
    const char *path;              /* "-": standard input */
    const dm_tokenizer *tokenizer; /* borrowed, as `stop` is: they must outlive the task */
    enum lines_metric metric;
    size_t n_new;       /* tokens of an answer, at most; >= 1 */
    const char *stop;   /* an answer ends before this text; NULL or "": nowhere */
    size_t max_prompts; /* the first ones alone; 0: all */
};

/* The columns are the metric alone, the rows the groups in the order in which they come. */
dm_status lines_task_new(const struct lines_options *options, struct task **task, dm_error *error);

#endif
