/* Runs a model on a task's prompts, with one method of extending the context: several prompts as
 * one packed batch, decoded greedily. Neither the batch nor the number of threads changes an
 * answer. */
#ifndef DECIMAMBA_EVALUATION_TASK_RUN_H
#define DECIMAMBA_EVALUATION_TASK_RUN_H

#include "task.h"

struct task_outcome {
    double score;
    size_t n_token;  /* of the prompt */
    char *answer;    /* a NUL at its end; NULL where nothing was generated */
    size_t n_answer; /* bytes of it */
};

struct task_run {
    const struct task *task;
    const dm_model *model;
    const dm_tokenizer *tokenizer;
    size_t vocab_size;               /* the model's */
    const dm_method_options *method; /* its keep_tail is replaced by the prompts', unless */
    bool keep_tail_given;
    const int32_t *stops; /* [n_stop] an answer ends at these tokens */
    size_t n_stop;
    /* Called with how many tokens of this call's prompts have been read. NULL: not. */
    void (*progress)(size_t n_read, size_t n_all, void *user);
    void *user;
};

/* Answers the prompts with these numbers, n >= 1, as one batch; outcomes [n], whose answers are
 * allocated with malloc. Nothing is left allocated after an error. */
dm_status task_answer(const struct task_run *run, const size_t *prompts, size_t n,
                      struct task_outcome *outcomes, dm_error *error);

#endif
