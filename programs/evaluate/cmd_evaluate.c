/* decimamba evaluate: how well a model does a task, by ways of extending its context. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/fail.h"
#include "cli/options_json.h"
#include "commands.h"
#include "evaluate_models.h"

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

/* Where the models are named, by words or in a run file. */
enum { n_models_option = 2 };

static void models_table(struct text_list *models, struct option table[n_models_option]) {
    *models = (struct text_list){.n = 0};
    const struct option options[n_models_option] = {
        {OPTION_TEXTS, "models", models, "MODEL",
         .help = "a model to try, before those that are named without a flag; may be repeated. "
                 "Several stand in one table, and with --output each has a folder there",
         .path = true},
        {.kind = OPTION_END},
    };
    memcpy(table, options, sizeof options);
}

/* Words take the place of what a run file lists. */
static bool add_models(struct text_list *models, const char *const *operands,
                       const struct command *command) {
    if (operands[0] && models->replaceable)
        models->n = 0;
    for (size_t i = 0; i < list_capacity && operands[i]; i++) {
        if (models->n == list_capacity)
            return fail_usage("--models: more than %d", (int)list_capacity);
        models->items[models->n++] = operands[i];
    }
    return models->n || fail_usage("%s: an argument is missing; the usage is: decimamba %s %s",
                                   command->name, command->name, command->operands);
}

/* An evaluation in a file. */
struct run_file {
    const char *name; /* NULL: there is none */
    json_t *object;   /* without its task */
};

static int run_task(const struct evaluate_task *kind, const struct run_file *file, int n_argument,
                    char **arguments) {
    struct evaluate_flags flags;
    struct named_methods methods;
    struct text_list models;
    struct option task_options[max_task_option], evaluate_options[n_evaluate_option];
    struct option method_options[n_named_option], model_options[n_model_option];
    struct option models_options[n_models_option];
    const char *operands[list_capacity];
    char name[80], usage[120];
    snprintf(name, sizeof name, "evaluate %s", kind->name);
    snprintf(usage, sizeof usage, "MODEL...%s", kind->operands + strlen("MODEL"));
    models_table(&models, models_options);
    named_methods_table(&methods, method_options);
    evaluate_flags_table(&flags, evaluate_options);
    flags.kind = kind;
    kind->flags(&flags.task, task_options);
    text_model_flags_table(&flags.model, model_options);
    const struct command command = {
        .name = name,
        .operands = usage,
        .summary = kind->summary,
        .notes = kind->notes,
        .example = kind->example,
        .max_operand = list_capacity,
    };
    const struct option_group groups[] = {
        {"Task", task_options},           {"Models", models_options}, {"Methods", method_options},
        {"Evaluation", evaluate_options}, {"Model", model_options},   {0}};
    if (file->name && !options_take_json(groups, file->name, file->object))
        return EXIT_FAILURE;
    enum options_result result = options_read(&command, groups, n_argument, arguments, operands);
    if (result != OPTIONS_READ)
        return options_status(result);
    return add_models(&models, operands, &command) ? evaluate_models(&flags, &models, &methods)
                                                   : EXIT_FAILURE;
}

/* Takes the task out of the file, as a word would name it. NULL after a fault. */
static char *take_task(const struct run_file *file) {
    json_t *name = json_object_get(file->object, "task");
    if (!json_is_string(name)) {
        complain("%s: \"task\" must be the name of a task, as evaluate --help lists them",
                 file->name);
        return NULL;
    }
    char *task = strdup(json_string_value(name));
    if (!task)
        fail_memory();
    json_object_del(file->object, "task");
    return task;
}

static bool is_run_file(const char *word) {
    size_t n = strlen(word);
    return n > 5 && !strcmp(word + n - 5, ".json");
}

static int run_words(const struct run_file *file, int n_argument, char **arguments) {
    struct evaluate_flags flags;
    struct named_methods methods;
    struct text_list models;
    struct option method_options[n_named_option], evaluate_options[n_evaluate_option];
    struct option model_options[n_model_option], models_options[n_models_option];
    const struct evaluate_task *kind;
    models_table(&models, models_options);
    named_methods_table(&methods, method_options);
    evaluate_flags_table(&flags, evaluate_options);
    text_model_flags_table(&flags.model, model_options);
    const struct option_group groups[] = {{"Models", models_options},
                                          {"Methods", method_options},
                                          {"Evaluation", evaluate_options},
                                          {"Model", model_options},
                                          {0}};
    enum options_result result =
        evaluate_task_choose(&evaluate_command, groups, n_argument, arguments, &kind);
    return kind ? run_task(kind, file, n_argument - 1, arguments + 1) : options_status(result);
}

static int run(int n_argument, char **arguments) {
    struct run_file file = {.name = NULL};
    if (n_argument < 2 || !is_run_file(arguments[1]))
        return run_words(&file, n_argument, arguments);
    file.name = arguments[1];
    file.object = json_read(file.name);
    char *task = file.object ? take_task(&file) : NULL;
    int status = EXIT_FAILURE;
    if (task) {
        arguments[1] = task;
        status = run_words(&file, n_argument, arguments);
        arguments[1] = (char *)(uintptr_t)file.name;
    }
    free(task);
    json_decref(file.object);
    return status;
}

const struct command evaluate_command = {
    .name = "evaluate",
    .operands = "TASK MODEL... | RUN.json",
    .summary = "Measures how well a model does a task on long texts, with methods side by side.",
    .notes =
        "Gives a model the prompts of a task, with each of the methods, and prints tables of "
        "what was right: counts with 95% intervals. A prompt depends only on the data, the "
        "seed and its own number, so neither the batch nor the number of threads "
        "changes a table.\n\nAn evaluation may be a file: RUN.json is an object whose keys are "
        "the flags of its task with _ for -, and \"task\", as {\"task\": \"passkey\", "
        "\"models\": [\"a\", \"b\"], \"text\": \"book.txt\"}. File names in it are seen from "
        "its folder. A flag overrides the file, and models that are named override its "
        "\"models\".",
    .example = "decimamba evaluate passkey models/passkey-512 --text data/books/26239.txt",
    .min_operand = 2,
    .max_operand = 2,
    .run = run,
};
