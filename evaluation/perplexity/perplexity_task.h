/* Perplexity over the length of the context, on books: how well the last tokens of a window are
 * predicted by a reader who has seen the whole window.
 *
 * Source: the PG-19 evaluation of the official DeciMamba code; its windows are perplexity.h's. */
#ifndef DECIMAMBA_EVALUATION_PERPLEXITY_TASK_H
#define DECIMAMBA_EVALUATION_PERPLEXITY_TASK_H

#include "task.h"
#include "token_text.h"

struct perplexity_book {
    char *name;             /* allocated */
    struct token_text text; /* borrowed */
};

struct perplexity_task_options {
    struct perplexity_book
        *books; /* [n_book]; the task takes them and their names when it is made */
    size_t n_book;
    const size_t *lengths; /* [n_length] tokens in a window */
    size_t n_length;
    size_t target;  /* tokens scored at the end of each */
    size_t windows; /* of a book at one length at most, spread evenly over the official ones; 0: all
                       of these, some ten */
};

/* Columns are the lengths, rows the books. Prompts are numbered by length, then book, then window;
 * a book too short for a length has none there. DM_ERROR_ARGUMENT where a length is not more than
 * `target`, or no book has so many tokens. */
dm_status perplexity_task_new(const struct perplexity_task_options *options, struct task **task,
                              dm_error *error);

#endif
