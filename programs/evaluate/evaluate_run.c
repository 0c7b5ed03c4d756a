#include "evaluate_run.h"

#include <stdlib.h>
#include <string.h>

#include "cli/fail.h"
#include "cli/file_hash.h"
#include "cli/menu.h"
#include "cli/read_tokens.h"
#include "cli/terminal.h"
#include "commands.h"
#include "evaluate_loop.h"

static const struct evaluate_task *const tasks[] = {
    &evaluate_passkey,    &evaluate_retrieval, &evaluate_multidoc_qa,
    &evaluate_perplexity, &evaluate_longbench, &evaluate_lines,
};
enum { n_task = sizeof tasks / sizeof *tasks };

/* ---- The tasks ---- */

static struct menu_item task_at(size_t i) {
    return (struct menu_item){tasks[i]->name, tasks[i]->summary};
}

enum options_result evaluate_task_choose(const struct command *command,
                                         const struct option_group *groups, int n_argument,
                                         char **arguments, const struct evaluate_task **kind) {
    const struct menu menu = {.command = command,
                              .what = "task",
                              .title = "Tasks",
                              .n = n_task,
                              .item_at = task_at,
                              .groups = groups};
    size_t found;
    enum options_result result = menu_choose(&menu, n_argument, arguments, &found);
    *kind = result == OPTIONS_READ ? tasks[found] : NULL;
    return result;
}

/* ---- The flags ---- */

void evaluate_flags_table(struct evaluate_flags *flags, struct option table[n_evaluate_option]) {
    *flags = (struct evaluate_flags){.batch = 8};
    const struct option options[n_evaluate_option] = {
        {OPTION_SEED, "seed", &flags->task.seed, "S",
         .help = "the same seed gives the same prompts"},
        {OPTION_SIZE, "trained", &flags->trained, "N",
         .help = "mark this length as the one that the model was trained on (default that of its "
                 "decimamba.json); 0: none. It is counted as the columns are, in tokens or "
                 "documents; of tokens it is also what keep-last keeps without a base length",
         .given = &flags->trained_given},
        {OPTION_SIZE, "batch", &flags->batch, "N",
         .help = "prompts that are read together; it changes the speed only", .min = 1,
         .max = 1024},
        {OPTION_TEXT, "output", &flags->output, "FOLDER",
         .help =
             "write there every prompt's outcome (outcomes.jsonl), the tables (table.md, "
             "report.json; of several models a folder for each, table.md and models.json) and, "
             "where gnuplot is installed, a figure (PNG and SVG, with the table "
             "that it is drawn from; decimamba(1) says more under FIGURES). The same command goes "
             "on where it was stopped; other methods may be added. Outcomes of other prompts, or "
             "of another model, are not mixed in. Where gnuplot fails, what it said is printed on "
             "standard error, and the command fails once all else is written",
         .path = true},
        {OPTION_FLAG, "json", &flags->json,
         .help = "print one JSON object, as it stands in report.json, and no table"},
        {.kind = OPTION_END},
    };
    memcpy(table, options, sizeof options);
}

size_t evaluate_trained_length(const struct evaluate_flags *flags) {
    return flags->kind->by_documents ? 0 : flags->trained;
}

/* ---- The run ---- */

bool evaluate_run_load(struct evaluate_run *run) {
    const struct evaluate_flags *flags = run->flags;
    if (!load_model(run->directory, &flags->model, &run->model, &run->info) ||
        !load_model_tokenizer(run->directory, &flags->model, &run->tokenizer))
        return false;
    run->trained = flags->trained_given        ? flags->trained
                   : flags->kind->by_documents ? 0
                                               : run->info.trained_length;
    return true;
}

/* Everything that decides an outcome but the methods: the task's settings and the model. */
static json_t *describe(const struct evaluate_run *run) {
    char hash[hash_size];
    const int32_t *before;
    size_t n_before;
    dm_tokenizer_template(run->tokenizer, &before, &n_before, NULL, NULL);
    json_t *all = json_deep_copy(run->data.settings);
    if (!run->data.recorded)
        return all;
    if (!model_hash(run->directory, run->flags->model.settings, run->flags->model.tokenizer,
                    hash)) {
        json_decref(all);
        return NULL;
    }
    json_object_set_new(all, "seed", json_integer((json_int_t)run->flags->task.seed));
    json_object_set_new(all, "weights", json_string(hash));
    json_object_set_new(all, "dtype", json_string(dtype_name(run->info.compute_dtype)));
    if (n_before) {
        json_t *ids = json_array();
        for (size_t i = 0; i < n_before; i++)
            json_array_append_new(ids, json_integer(before[i]));
        json_object_set_new(all, "before", ids);
    }
    json_object_set_new(all, "cpu", json_string(run->info.cpu));
    return all;
}

/* What a session would refuse after the methods before it were through is refused now. */
static bool check_methods(const struct evaluate_run *run) {
    for (size_t i = 0; i < run->methods.n; i++) {
        const struct method *method = &run->methods.items[i];
        dm_session *session = NULL;
        dm_error error;
        if (dm_session_new(run->model, &method->options, &session, &error))
            return fail("method '%.80s': %s", method->name, error.message);
        dm_session_free(session);
    }
    return true;
}

/* The prompts of a task need the same tail; a method that asks for less cannot read them. */
static bool check_tails(const struct evaluate_run *run) {
    const struct task *task = run->data.task;
    struct task_prompt prompt;
    dm_error error;
    if (task->build(task, 0, &prompt, &error))
        return fail("%s", error.message);
    free(prompt.ids);
    for (size_t i = 0; i < run->methods.n; i++) {
        const struct method *method = &run->methods.items[i];
        if (method->flags.keep_tail_given && method->flags.keep_tail < prompt.keep_tail)
            return fail("method '%.80s': keep-tail %zu is less than %zu, which %s needs",
                        method->name, method->flags.keep_tail, prompt.keep_tail, task->name);
    }
    return true;
}

/* Where the task has something answered. */
static bool find_stops(struct evaluate_run *run) {
    dm_error error;
    return run->data.task->measure == TASK_LOSS ||
           dm_checkpoint_stop_tokens(run->directory, run->tokenizer, &run->stops, &run->n_stop,
                                     &error) == DM_OK ||
           fail("%s", error.message);
}

bool evaluate_run_open(struct evaluate_run *run) {
    const struct evaluate_flags *flags = run->flags;
    run->data = (struct evaluate_data){
        .tokenizer = run->tokenizer, .recorded = run->output != NULL, .settings = json_object()};
    if (!run->data.settings)
        return fail_memory();
    if (!check_methods(run) || !flags->kind->make(&flags->task, &run->data) || !check_tails(run) ||
        !find_stops(run))
        return false;
    json_t *description = describe(run);
    return description && report_open(&run->report, run->data.task, &run->methods, run->output,
                                      run->directory, description, run->trained);
}

int evaluate_run_answer(struct evaluate_run *run) {
    catch_interrupt("the prompts at hand");
    catch_termination();
    const struct evaluation evaluation = {.run = {.task = run->data.task,
                                                  .model = run->model,
                                                  .tokenizer = run->tokenizer,
                                                  .vocab_size = run->info.vocab_size,
                                                  .stops = run->stops,
                                                  .n_stop = run->n_stop},
                                          .batch = run->flags->batch,
                                          .quiet = run->flags->json,
                                          .report = &run->report};
    enum evaluation_end end = evaluate_methods(&evaluation);
    catch_no_more();
    if (end == EVALUATION_INTERRUPTED) {
        if (run->output && !run->flags->json)
            printf("stopped; the same command resumes it\n");
        return EXIT_INTERRUPTED;
    }
    return end == EVALUATION_FAILED ? EXIT_FAILURE : EXIT_SUCCESS;
}

bool evaluate_run_show(struct evaluate_run *run) {
    if (run->flags->json)
        return report_write(&run->report);
    putchar('\n');
    return report_print(&run->report, stdout, terminal_width()) && report_write(&run->report) &&
           flush_output();
}

void evaluate_run_unload(struct evaluate_run *run) {
    dm_model_free(run->model);
    run->model = NULL;
}

void evaluate_run_close(struct evaluate_run *run) {
    report_close(&run->report);
    evaluate_data_free(&run->data);
    method_list_free(&run->methods);
    dm_free(run->stops);
    dm_tokenizer_free(run->tokenizer);
    dm_model_free(run->model);
}
