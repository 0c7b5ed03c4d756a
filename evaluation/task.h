/* What all tasks have in common: a list of prompts, each built when it is needed, continued
 * greedily (or scored), and judged; and the table of columns and rows for the scores.
 *
 * A task is made in its own folder (passkey_task_new, ...) and knows nothing of models and methods;
 * task_run.h runs a model on its prompts. Everything about prompt i is a function of the task and
 * i. */
#ifndef DECIMAMBA_EVALUATION_TASK_H
#define DECIMAMBA_EVALUATION_TASK_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decimamba.h"

/* What a score is, and how a table shows many of them. */
enum task_measure {
    TASK_RIGHT, /* 0 or 1: how many of how many, with an interval for the share */
    TASK_SCORE, /* 0 .. 1: 100 times the mean */
    TASK_LOSS   /* nats per token: exp of the mean, the perplexity */
};

/* One side of the table: what a column (or row) stands for. */
struct task_axis {
    const char *name;         /* "tokens", "documents", "depth", "data set" */
    size_t n;                 /* >= 1 */
    const char *const *names; /* [n] "2048", "0.25", "hotpotqa" */
    const double *values;     /* [n] on the axis of a plot; NULL: they are categories */
};

struct task_prompt {
    int32_t *ids; /* [n_id]; allocated with malloc */
    size_t n_id;
    size_t n_new;     /* tokens to generate, at most; 0: none, and the score is the mean */
    size_t n_scored;  /* loss of the prompt's last n_scored tokens, 1 <= n_scored < n_id */
    size_t keep_tail; /* so many last tokens are never decimated: >= 1, > n_scored, and the same in
                         all of a task's prompts; so is whether anything is generated */
    const char *stop; /* static: the answer ends before this text; NULL: nowhere */
    bool one_line;    /* the token of a line break ends the answer as an end token does; neither may
                         be its first token */
};

struct task {
    const char *name; /* as users call it: "passkey" */
    enum task_measure measure;
    bool mean_of_rows; /* a column's figure over all rows is the mean of the rows' means, as in
                          LongBench's averages; else that of all its prompts */
    bool shows_rows;   /* there is a table of the rows too, as there is where mean_of_rows is set */
    struct task_axis columns, rows;
    size_t n_prompt;

    /* The cell of the table that prompt i belongs to. */
    void (*cell_of)(const struct task *task, size_t i, size_t *column, size_t *row);
    /* Builds prompt i. Nothing is left allocated after an error. */
    dm_status (*build)(const struct task *task, size_t i, struct task_prompt *prompt,
                       dm_error *error);
    /* Scores the answer, n_byte of text and a NUL: what was generated, without special tokens, and
     * cut before `stop`. NULL where nothing is ever generated. */
    dm_status (*judge)(const struct task *task, size_t i, const char *answer, size_t n_byte,
                       double *score, dm_error *error);
    /* Adds what identifies prompt i in the results (its key, the golden answers, the book) to
     * `object`. False: memory is short. NULL: nothing. */
    bool (*describe)(const struct task *task, size_t i, json_t *object);
    void (*free)(struct task *task); /* of the task too; never called with NULL */
    void *data;                      /* private to the task */
};

static inline void task_free(struct task *task) {
    if (task)
        task->free(task);
}

/* ---- For tasks to use ---- */

/* A task as it is filled, its `data` being state_size bytes of zeros; both are malloc's. NULL: memory is
 * short. */
struct task *task_new(const struct task *filled, size_t state_size);
/* cell_of where each cell has equally many prompts, row by row of each column. */
void task_cell_evenly(const struct task *task, size_t i, size_t *column, size_t *row);

/* An axis of these values (below 2^53), each its own name. `name` is borrowed. False, and nothing to
 * free, when memory is short. */
bool task_axis_sizes(struct task_axis *axis, const char *name, const size_t *values, size_t n);
/* n depths, evenly from 0 to 1; a single one is 0.5. */
bool task_axis_depths(struct task_axis *axis, size_t n);
/* Only for axes made here; a zeroed one is fine. */
void task_axis_free(struct task_axis *axis);

#endif
