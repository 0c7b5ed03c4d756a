/* decimamba evaluate: how well a model does a task, by method, length and depth. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "decimamba.h"
#include "fail.h"
#include "json_output.h"
#include "method_list.h"
#include "model_flags.h"
#include "output_file.h"
#include "passkey_report.h"
#include "read_input.h"

struct settings {
    const char *directory, *text, *methods, *json;
    struct text_list method;
    struct passkey_report_options report;
    struct model_flags model;
};

struct work {
    const struct settings *settings;
    dm_tokenizer *tokenizer;
    dm_model *model;
    dm_model_info info;
    int32_t *ids;
    struct passkey_task task;
    struct method_list methods;
};

static bool prepare(struct work *work) {
    const struct settings *settings = work->settings;
    struct text text;
    dm_error error;
    if (!load_model(settings->directory, &settings->model, &work->model, &work->info) ||
        !load_tokenizer(settings->directory, &work->tokenizer) ||
        !method_list_read(&work->methods, settings->methods, &settings->method, work->model,
                          &work->info) ||
        !read_text("text", NULL, settings->text, &text))
        return false;
    size_t n_id = 0;
    dm_status status =
        dm_tokenizer_encode(work->tokenizer, text.bytes, text.n_byte, &work->ids, &n_id, &error);
    free(text.bytes);
    if (status)
        return fail("%s: %s", text.name, error.message);
    work->task = (struct passkey_task){.tokenizer = work->tokenizer,
                                       .text = work->ids,
                                       .n_text = n_id,
                                       .seed = settings->report.seed};
    return true;
}

static int write_piece(const char *text, size_t n_byte, void *file) {
    output_write(file, text, n_byte);
    return 0;
}

static bool write_outcomes(const struct settings *settings, json_t *outcomes) {
    struct output_file file;
    json_t *object =
        json_pack("{ss ss ss so sO}", "task", "passkey", "model", settings->directory, "text",
                  settings->text, "seed", json_size(settings->report.seed), "methods", outcomes);
    if (!object)
        return fail_memory();
    bool fine = output_open(&file, settings->json);
    if (fine) {
        json_dump_callback(object, write_piece, &file, JSON_INDENT(1) | JSON_REAL_PRECISION(10));
        output_write(&file, "\n", 1);
        fine = output_commit(&file);
    }
    json_decref(object);
    return fine;
}

static bool evaluate(struct work *work) {
    const struct settings *settings = work->settings;
    json_t *outcomes = json_array();
    bool fine = prepare(work);
    for (size_t i = 0; fine && i < work->methods.n; i++)
        fine = passkey_report(&settings->report, &work->task, work->model, &work->info,
                              &work->methods.items[i], i == 0, outcomes);
    if (fine && settings->json)
        fine = write_outcomes(settings, outcomes);
    json_decref(outcomes);
    return fine;
}

static bool check(const struct settings *settings, const char *task) {
    if (strcmp(task, "passkey") != 0)
        return fail("evaluate: unknown task '%.80s'; there is: passkey", task);
    if (!settings->text)
        return fail("evaluate: --text is missing");
    return !settings->json || output_possible(settings->json);
}

static int run(int n_argument, char **arguments) {
    struct settings settings = {.report = {.lengths = {{512, 2048, 8192, 32768, 131072}, 5},
                                           .n_depth = 5,
                                           .n_key = 3,
                                           .batch = 8}};
    struct passkey_report_options *report = &settings.report;
    struct option model_options[n_model_option];
    model_flags_table(&settings.model, model_options);
    const struct option options[] = {
        {OPTION_TEXT, "text", &settings.text, "FILE",
         .help = "the text that hides the key; -: standard input"},
        {OPTION_SIZES, "lengths", &report->lengths, "LIST", "tokens in a prompt", .least = 1,
         .most = 1e15},
        {OPTION_SIZE, "depths", &report->n_depth, "N", "places of the key, from 0 to 1", .least = 1,
         .most = passkey_max_depth},
        {OPTION_SIZE, "keys", &report->n_key, "N", "prompts for each length and depth", .least = 1,
         .most = 10000},
        {OPTION_SEED, "seed", &report->seed, "S", .help = "the same seed gives the same prompts"},
        {OPTION_TEXTS, "method", &settings.method, "METHOD",
         .help = "a method to try; may be repeated"},
        {OPTION_TEXT, "methods", &settings.methods, "LIST",
         .help = "methods with blanks or semicolons between (default none, and default where the "
                 "model has a decimamba.json)"},
        {OPTION_SIZE, "trained", &report->trained, "N",
         .help = "mark this length as the one that the model was trained on; 0: none"},
        {OPTION_SIZE, "batch", &report->batch, "N", "prompts that are read together", .least = 1,
         .most = 1024},
        {OPTION_TEXT, "json", &settings.json, "FILE", .help = "write every prompt's outcome here"},
        {.kind = OPTION_END},
    };
    const struct option_group groups[] = {{"Options", options}, {"Model", model_options}, {0}};
    const char *operands[2];
    enum options_result result =
        options_read(&evaluate_command, groups, n_argument, arguments, operands);
    if (result != OPTIONS_READ)
        return options_status(result);
    settings.directory = operands[1];
    if (!check(&settings, operands[0]))
        return EXIT_FAILURE;
    struct work work = {.settings = &settings};
    bool fine = evaluate(&work);
    method_list_free(&work.methods);
    dm_free(work.ids);
    dm_tokenizer_free(work.tokenizer);
    dm_model_free(work.model);
    return fine ? EXIT_SUCCESS : EXIT_FAILURE;
}

const struct command evaluate_command = {
    .name = "evaluate",
    .operands = "passkey MODEL --text FILE",
    .summary = "Measures how well a model finds a key hidden in a long text.",
    .notes = "Each prompt is a passage of the text with a five-digit key in it, and is right when "
             "greedy generation gives the key. For models with a token per byte.\n"
             "A METHOD is a name with settings, as context flags without their dashes: "
             "none, keep-last:base-length=512, decimate:layers=2,3,score=global, or default for "
             "the model's decimamba.json. What is not set is as in the model's defaults.",
    .example = "decimamba evaluate passkey models/passkey-bytes-512 --text book.txt \\\n"
               "    --trained 512 \\\n"
               "    --methods 'none decimate:layers=3,score=global,base-length=512'",
    .min_operand = 2,
    .max_operand = 2,
    .run = run,
};
