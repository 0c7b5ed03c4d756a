/* decimamba evaluate: how well a model does a task, by ways of extending its context. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/fail.h"
#include "commands.h"
#include "evaluate_run.h"

/* Without a method and without settings to go by, all was read by plain Mamba. */
static void tell(const struct evaluate_run *run, bool chosen) {
    const struct report *report = &run->report;
    size_t longest = 0;
    for (size_t i = 0; i < report->methods->n * report->task->n_prompt; i++)
        if (report->outcomes[i].n_token > longest)
            longest = report->outcomes[i].n_token;
    bool counts_tokens = !strcmp(report->task->columns.name, "tokens");
    tell_of_plain_reading(run->flags->directory, &run->info, chosen, longest,
                          counts_tokens ? run->flags->trained : 0);
}

static int evaluate(const struct evaluate_flags *flags, const char *methods,
                    const struct text_list *method) {
    struct evaluate_run work = {.flags = flags};
    bool ready = evaluate_run_load(&work) &&
                 method_list_read(&work.methods, methods, method, work.model,
                                  evaluate_trained_length(flags)) &&
                 evaluate_run_open(&work);
    int status = ready ? evaluate_run_answer(&work) : EXIT_FAILURE;
    if (status == EXIT_SUCCESS)
        tell(&work, methods || method->n);
    evaluate_run_close(&work);
    return status;
}

struct named_methods {
    const char *list;
    struct text_list single;
};
enum { n_named_option = 3, max_usual = 32 };

/* What may be completed: the names of methods, without settings. */
static const char *const *list_usual(void) {
    static const char *usual[max_usual + 2] = {"default"};
    size_t n = dm_method_count();
    for (size_t i = 0; i < n && i < max_usual; i++)
        usual[i + 1] = dm_method_name((dm_method_kind)i);
    return usual;
}

static void named_methods_table(struct named_methods *flags, struct option table[n_named_option]) {
    const char *const *usual = list_usual();
    *flags = (struct named_methods){.list = NULL};
    const struct option options[n_named_option] = {
        {OPTION_TEXTS, "method", &flags->single, "METHOD",
         .help =
             "a method to try; may be repeated. It is a name with settings, which are method flags "
             "without their dashes: none, keep-last:base-length=512, "
             "decimate:layers=2,3,score=global, or default for the model's decimamba.json. "
             "What is not set has the model's defaults; keep-last keeps the training "
             "length where --trained or decimamba.json says it. Tables and pictures name the "
             "base length of every method",
         .choices = usual},
        {OPTION_TEXT, "methods", &flags->list, "LIST",
         .help =
             "several of them, separated by blanks or semicolons (default: none, and default where "
             "the model has a decimamba.json)",
         .choices = usual},
        {.kind = OPTION_END},
    };
    memcpy(table, options, sizeof options);
}

static int run_task(const struct evaluate_task *kind, int n_argument, char **arguments) {
    struct evaluate_flags flags;
    struct named_methods methods;
    struct option task_options[max_task_option], evaluate_options[n_evaluate_option];
    struct option method_options[n_named_option], model_options[n_model_option];
    char name[80];
    snprintf(name, sizeof name, "evaluate %s", kind->name);
    named_methods_table(&methods, method_options);
    evaluate_flags_table(&flags, evaluate_options);
    flags.kind = kind;
    kind->flags(&flags.task, task_options);
    text_model_flags_table(&flags.model, model_options);
    const struct command command = {
        .name = name,
        .operands = kind->operands,
        .summary = kind->summary,
        .notes = kind->notes,
        .example = kind->example,
        .min_operand = 1,
        .max_operand = 1,
    };
    const struct option_group groups[] = {{"Task", task_options},
                                          {"Methods", method_options},
                                          {"Evaluation", evaluate_options},
                                          {"Model", model_options},
                                          {0}};
    enum options_result result =
        options_read(&command, groups, n_argument, arguments, &flags.directory);
    return result == OPTIONS_READ ? evaluate(&flags, methods.list, &methods.single)
                                  : options_status(result);
}

static int run(int n_argument, char **arguments) {
    struct evaluate_flags flags;
    struct named_methods methods;
    struct option method_options[n_named_option], evaluate_options[n_evaluate_option];
    struct option model_options[n_model_option];
    const struct evaluate_task *kind;
    named_methods_table(&methods, method_options);
    evaluate_flags_table(&flags, evaluate_options);
    text_model_flags_table(&flags.model, model_options);
    const struct option_group groups[] = {{"Methods", method_options},
                                          {"Evaluation", evaluate_options},
                                          {"Model", model_options},
                                          {0}};
    enum options_result result =
        evaluate_task_choose(&evaluate_command, groups, n_argument, arguments, &kind);
    return kind ? run_task(kind, n_argument - 1, arguments + 1) : options_status(result);
}

const struct command evaluate_command = {
    .name = "evaluate",
    .operands = "TASK MODEL ...",
    .summary = "Measures how well a model does a task on long texts, with methods side by side.",
    .notes = "Gives a model the prompts of a task, with each of the methods, and prints tables of "
             "what was right: counts with 95% intervals. A prompt depends only on the data, the "
             "seed and its own number, so neither the batch nor the number of threads "
             "changes a table.",
    .example = "decimamba evaluate passkey models/passkey-512 --text data/books/26239.txt",
    .min_operand = 2,
    .max_operand = 2,
    .run = run,
};
