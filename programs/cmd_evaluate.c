/* decimamba evaluate: how well a model does a task, by ways of extending its context. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "commands.h"
#include "evaluate_loop.h"
#include "evaluate_tasks.h"
#include "fail.h"
#include "file_hash.h"
#include "model_flags.h"
#include "read_tokens.h"
#include "sub_command.h"

static const struct evaluate_task *const tasks[] = {
    &evaluate_passkey,    &evaluate_retrieval, &evaluate_multidoc_qa,
    &evaluate_perplexity, &evaluate_longbench,
};
enum { n_task = sizeof tasks / sizeof *tasks };

struct settings {
    const char *directory, *output, *methods;
    struct text_list method;
    size_t batch, trained;
    struct evaluate_settings task;
    struct model_flags model;
};

struct work {
    const struct settings *settings;
    const struct evaluate_task *kind;
    dm_tokenizer *tokenizer;
    dm_model *model;
    dm_model_info info;
    struct method_list methods;
    struct evaluate_data data;
    struct report report;
};

/* Everything that decides an outcome but the methods: the task's settings and the model. */
static json_t *describe(const struct work *work) {
    char hash[hash_size];
    json_t *all = json_deep_copy(work->data.settings);
    if (!model_hash(work->settings->directory, hash)) {
        json_decref(all);
        return NULL;
    }
    json_object_set_new(all, "seed", json_integer((json_int_t)work->settings->task.seed));
    json_object_set_new(all, "weights", json_string(hash));
    json_object_set_new(all, "dtype", json_string(dtype_name(work->info.compute_dtype)));
    json_object_set_new(all, "cpu", json_string(work->info.cpu));
    return all;
}

static bool prepare(struct work *work) {
    const struct settings *settings = work->settings;
    if (!load_model(settings->directory, &settings->model, &work->model, &work->info) ||
        !load_tokenizer(settings->directory, &work->tokenizer) ||
        !method_list_read(&work->methods, settings->methods, &settings->method, work->model,
                          &work->info))
        return false;
    work->data = (struct evaluate_data){.tokenizer = work->tokenizer, .settings = json_object()};
    if (!work->data.settings)
        return fail_memory();
    if (!work->kind->make(&settings->task, &work->data))
        return false;
    json_t *description = describe(work);
    return description &&
           report_open(&work->report, work->data.task, &work->methods, settings->output,
                       settings->directory, description, settings->trained);
}

static size_t terminal_width(void) {
    struct winsize size;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || size.ws_col < 40 ? 100 : size.ws_col;
}

static int evaluate(struct work *work) {
    const struct settings *settings = work->settings;
    if (!prepare(work))
        return EXIT_FAILURE;
    catch_interrupt();
    catch_termination();
    const struct evaluation evaluation = {.task = work->data.task,
                                          .model = work->model,
                                          .tokenizer = work->tokenizer,
                                          .vocab_size = work->info.vocab_size,
                                          .methods = &work->methods,
                                          .batch = settings->batch,
                                          .trained = settings->trained,
                                          .report = &work->report};
    enum evaluation_end end = evaluate_methods(&evaluation);
    if (end == EVALUATION_INTERRUPTED) {
        if (settings->output)
            printf("stopped; the same command goes on\n");
        return EXIT_INTERRUPTED;
    }
    if (end == EVALUATION_FAILED)
        return EXIT_FAILURE;
    putchar('\n');
    return report_print(&work->report, stdout, terminal_width()) && report_write(&work->report) &&
                   flush_output()
               ? EXIT_SUCCESS
               : EXIT_FAILURE;
}

static int run_task(const struct evaluate_task *kind, int n_argument, char **arguments) {
    struct settings settings = {.batch = 8};
    struct option task_options[most_task_option], model_options[n_model_option];
    char name[80];
    snprintf(name, sizeof name, "evaluate %s", kind->name);
    kind->flags(&settings.task, task_options);
    model_flags_table(&settings.model, model_options);
    const struct option options[] = {
        {OPTION_TEXT, "methods", &settings.methods, "LIST",
         .help = "ways of reading to compare, with blanks or semicolons between (default none, and "
                 "default where the model has a decimamba.json)"},
        {OPTION_TEXTS, "method", &settings.method, "METHOD",
         .help = "one of them; may be repeated"},
        {OPTION_SEED, "seed", &settings.task.seed, "S",
         .help = "the same seed gives the same prompts"},
        {OPTION_SIZE, "trained", &settings.trained, "N",
         .help = "mark this length as the one that the model was trained on; 0: none"},
        {OPTION_SIZE, "batch", &settings.batch, "N", "prompts that are read together", .least = 1,
         .most = 1024},
        {OPTION_TEXT, "output", &settings.output, "FOLDER",
         .help = "write every prompt's outcome, tables and pictures here; the same command goes on "
                 "where it was stopped",
         .path = true},
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
    const struct option_group groups[] = {
        {"Task", task_options}, {"Evaluation", options}, {"Model", model_options}, {0}};
    enum options_result result =
        options_read(&command, groups, n_argument, arguments, &settings.directory);
    if (result != OPTIONS_READ)
        return options_status(result);
    struct work work = {.settings = &settings, .kind = kind};
    int status = evaluate(&work);
    report_close(&work.report);
    evaluate_data_free(&work.data);
    method_list_free(&work.methods);
    dm_tokenizer_free(work.tokenizer);
    dm_model_free(work.model);
    return status;
}

static int print_help(void) {
    printf("decimamba evaluate TASK MODEL ...\n\n%s\n\nTasks:\n", evaluate_command.summary);
    for (size_t i = 0; i < n_task; i++)
        printf("  %-12s%s\n", tasks[i]->name, tasks[i]->summary);
    printf("\nA METHOD is a name with settings, as context flags without their dashes:\n"
           "none, keep-last:base-length=512, decimate:layers=2,3,score=global, or default\n"
           "for the model's decimamba.json. What is not set is as in the model's defaults.\n"
           "'decimamba evaluate TASK --help' shows a task's flags.\n\nExample:\n  %s\n",
           evaluate_command.example);
    return flush_output() ? EXIT_SUCCESS : EXIT_FAILURE;
}

static const char *task_name_at(size_t i, const void *context) {
    (void)context;
    return tasks[i]->name;
}

static int run(int n_argument, char **arguments) {
    const struct sub_commands subs = {"evaluate", "task", n_task, task_name_at, NULL};
    size_t found;
    if (sub_command_asks_help(n_argument, arguments))
        return print_help();
    return sub_command_find(&subs, n_argument, arguments, &found)
               ? run_task(tasks[found], n_argument - 1, arguments + 1)
               : EXIT_FAILURE;
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
