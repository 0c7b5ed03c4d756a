/* decimamba evaluate: how well a model does a task, by ways of extending its context. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/fail.h"
#include "cli/sub_command.h"
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

static int run_task(const struct evaluate_task *kind, int n_argument, char **arguments) {
    struct evaluate_flags flags;
    struct option task_options[most_task_option], evaluate_options[n_evaluate_option];
    struct option model_options[n_model_option];
    const char *methods = NULL;
    struct text_list method = {.n = 0};
    char name[80];
    snprintf(name, sizeof name, "evaluate %s", kind->name);
    evaluate_flags_table(&flags, evaluate_options);
    flags.kind = kind;
    kind->flags(&flags.task, task_options);
    model_flags_table(&flags.model, model_options);
    const struct option method_options[] = {
        {OPTION_TEXT, "methods", &methods, "LIST",
         .help = "ways of reading to compare, with blanks or semicolons between (default none, and "
                 "default where the model has a decimamba.json)"},
        {OPTION_TEXTS, "method", &method, "METHOD", .help = "one of them; may be repeated"},
        {.kind = OPTION_END},
    };
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
    return result == OPTIONS_READ ? evaluate(&flags, methods, &method) : options_status(result);
}

static int print_help(void) {
    printf("decimamba evaluate TASK MODEL ...\n\n%s\n\nTasks:\n", evaluate_command.summary);
    evaluate_tasks_print();
    printf("\nA METHOD is a name with settings, as method flags without their dashes:\n"
           "none, keep-last:base-length=512, decimate:layers=2,3,score=global, or default\n"
           "for the model's decimamba.json. What is not set is as in the model's defaults;\n"
           "keep-last keeps the training length, where --trained or decimamba.json says it.\n"
           "'decimamba evaluate TASK --help' shows a task's flags.\n\nExample:\n  %s\n",
           evaluate_command.example);
    return flush_output() ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int run(int n_argument, char **arguments) {
    if (sub_command_asks_help(n_argument, arguments))
        return print_help();
    const struct evaluate_task *kind = evaluate_task_find("evaluate", n_argument, arguments);
    return kind ? run_task(kind, n_argument - 1, arguments + 1) : EXIT_FAILURE;
}

const struct command evaluate_command = {
    .name = "evaluate",
    .operands = "TASK MODEL ...",
    .summary = "Measures how well a model does a task on long texts, by ways of reading them.",
    .example = "decimamba evaluate passkey models/passkey-512 --text data/books/26239.txt",
    .min_operand = 2,
    .max_operand = 2,
    .run = run,
};
