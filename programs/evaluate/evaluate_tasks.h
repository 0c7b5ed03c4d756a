/* The tasks of `decimamba evaluate`: the flags of each, and how each is made of files. */
#ifndef DECIMAMBA_EVALUATE_TASKS_H
#define DECIMAMBA_EVALUATE_TASKS_H

#include "cli/options.h"
#include "evaluate_data.h"

struct evaluate_settings {
    /* where texts are */
    const char *data;
    struct text_list texts, data_sets;
    /* what is asked */
    struct size_list lengths, documents;
    size_t n_depth, n_each; /* n_each: prompts for each cell, column, book or data set */
    size_t target, max_length, n_new;
    int prompt, metric;
    const char *stop;
    bool extended;
    uint64_t seed;
};

enum { max_task_option = 8 };

struct evaluate_task {
    const char *name;
    const char *operands, *summary, *notes,
        *example;      /* of the command's help; operands: "MODEL ..." */
    bool by_documents; /* columns, and so --trained, are numbers of documents, not of tokens */
    /* Sets the defaults, and makes the table of the flags. */
    void (*flags)(struct evaluate_settings *settings, struct option table[max_task_option]);
    /* Makes data->task. Faults print their line; data is freed either way. */
    bool (*make)(const struct evaluate_settings *settings, struct evaluate_data *data);
};

extern const struct evaluate_task evaluate_passkey, evaluate_retrieval, evaluate_multidoc_qa,
    evaluate_perplexity, evaluate_longbench, evaluate_lines;

#endif
