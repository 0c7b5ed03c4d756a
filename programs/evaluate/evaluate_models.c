#include "evaluate_models.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/fail.h"
#include "cli/filled_file.h"
#include "cli/json_output.h"
#include "cli/paths.h"
#include "cli/terminal.h"

/* Without a method and without settings to go by, all was read by plain Mamba. */
static void tell(const struct evaluate_run *run, bool chosen) {
    const struct report *report = &run->report;
    size_t longest = 0;
    for (size_t i = 0; i < report->methods->n * report->task->n_prompt; i++)
        if (report->outcomes[i].n_token > longest)
            longest = report->outcomes[i].n_token;
    bool counts_tokens = !strcmp(report->task->columns.name, "tokens");
    tell_of_plain_reading(run->directory, &run->info, chosen, longest,
                          counts_tokens ? run->flags->trained : 0);
}

static int ask(struct evaluate_run *run, const struct named_methods *methods) {
    bool ready = evaluate_run_load(run) &&
                 method_list_read(&run->methods, methods->list, &methods->single, run->model,
                                  evaluate_trained_length(run->flags)) &&
                 evaluate_run_open(run);
    int status = ready ? evaluate_run_answer(run) : EXIT_FAILURE;
    if (status == EXIT_SUCCESS)
        tell(run, methods->list || methods->single.n);
    return status;
}

static int evaluate_one(const struct evaluate_flags *flags, const char *model,
                        const struct named_methods *methods) {
    struct evaluate_run run = {.flags = flags, .directory = model, .output = flags->output};
    int status = ask(&run, methods);
    if (status == EXIT_SUCCESS && !evaluate_run_show(&run))
        status = EXIT_FAILURE;
    json_t *report = status == EXIT_SUCCESS && flags->json ? report_to_json(&run.report) : NULL;
    if (status == EXIT_SUCCESS && flags->json && (!report || !print_json(report)))
        status = EXIT_FAILURE;
    evaluate_run_close(&run);
    return status;
}

/* ---- Several ---- */

static const char mark[] = "models.json";

struct several {
    const struct evaluate_flags *flags;
    size_t n, n_done;
    struct evaluate_run *runs; /* [n], without their models once they are done */
    char **names;              /* [n], each another: the last part of its path, else the path */
    char **outputs;            /* [n] or NULL */
    struct output_folder folder;
    json_t *all; /* {"models": [...]}: what each one's report.json holds; models.json at the end */
};

/* "b" of "a/b/"; allocated. */
static char *last_part(const char *path) {
    size_t n = strlen(path), first;
    while (n > 1 && path[n - 1] == '/')
        n--;
    for (first = n; first && path[first - 1] != '/';)
        first--;
    return strndup(path + first, n - first);
}

static bool is_twice(char *const *names, size_t n, const char *name) {
    size_t n_same = 0;
    for (size_t i = 0; i < n; i++)
        n_same += !strcmp(names[i], name);
    return n_same > 1;
}

static bool name_models(struct several *several, const struct text_list *models) {
    bool alike = false;
    for (size_t i = 0; i < several->n; i++)
        if (!(several->names[i] = last_part(models->items[i])))
            return fail_memory();
    for (size_t i = 0; i < several->n && !alike; i++)
        alike = is_twice(several->names, several->n, several->names[i]) ||
                !several->names[i][strspn(several->names[i], "./")];
    for (size_t i = 0; i < several->n && alike; i++) {
        free(several->names[i]);
        if (!(several->names[i] = strdup(models->items[i])))
            return fail_memory();
        if (several->flags->output)
            return fail_usage(
                "%s: --output has a folder for each model, by the last part of its name: "
                "two are alike, or one is none",
                models->items[i]);
    }
    for (size_t i = 0; i < several->n; i++)
        if (is_twice(several->names, several->n, several->names[i]))
            return fail("%s: the model is named twice", several->names[i]);
    return true;
}

/* What can be read once only would be there for the first model alone. */
static bool check_inputs(const struct evaluate_settings *task) {
    bool once = task->data && !strcmp(task->data, "-");
    for (size_t i = 0; i < task->texts.n; i++)
        once = once || !strcmp(task->texts.items[i], "-");
    return !once || fail_usage("--models: standard input cannot be read for each of them");
}

static bool open_several(struct several *several, const struct text_list *models) {
    const char *output = several->flags->output;
    several->n = models->n;
    several->runs = calloc(several->n, sizeof *several->runs);
    several->names = calloc(several->n, sizeof *several->names);
    several->outputs = calloc(several->n, sizeof *several->outputs);
    several->all = json_pack("{s[]}", "models");
    if (!several->runs || !several->names || !several->outputs || !several->all)
        return fail_memory();
    if (!check_inputs(&several->flags->task) || !name_models(several, models))
        return false;
    if (output &&
        !(output_folder_open(&several->folder, output, mark, "an evaluation of several models") &&
          filled_file_json(several->folder.path, mark, json_incref(several->all))))
        return false;
    for (size_t i = 0; i < several->n; i++) {
        struct evaluate_run *run = &several->runs[i];
        if (output && !(several->outputs[i] = path_join(output, several->names[i])))
            return fail_memory();
        *run = (struct evaluate_run){
            .flags = several->flags, .directory = models->items[i], .output = several->outputs[i]};
    }
    return true;
}

static void close_several(struct several *several) {
    for (size_t i = 0; i < several->n; i++) {
        if (several->runs)
            evaluate_run_close(&several->runs[i]);
        if (several->names)
            free(several->names[i]);
        if (several->outputs)
            free(several->outputs[i]);
    }
    free(several->runs);
    free(several->names);
    free(several->outputs);
    json_decref(several->all);
    output_folder_close(&several->folder);
}

/* What needs the model while it is there: its options may point into it. */
static bool keep(struct several *several, struct evaluate_run *run) {
    json_t *own = report_to_json(&run->report);
    if (!own)
        return false;
    bool fine =
        !json_array_append_new(json_object_get(several->all, "models"), own) || fail_memory();
    return fine && report_write(&run->report);
}

static int ask_each(struct several *several, const struct named_methods *methods) {
    int status = EXIT_SUCCESS;
    for (size_t i = 0; i < several->n && status == EXIT_SUCCESS; i++) {
        struct evaluate_run *run = &several->runs[i];
        if (!several->flags->json)
            printf("%s%s:\n", i ? "\n" : "", several->names[i]);
        status = ask(run, methods);
        if (status == EXIT_SUCCESS && !keep(several, run))
            status = EXIT_FAILURE;
        evaluate_run_unload(run);
    }
    return status;
}

static bool show(const struct several *several) {
    const struct report **reports = calloc(several->n, sizeof *reports);
    if (!reports)
        return fail_memory();
    for (size_t i = 0; i < several->n; i++)
        reports[i] = &several->runs[i].report;
    const struct report_group group = {reports, (const char *const *)several->names, several->n};
    bool fine = true;
    if (!several->flags->json) {
        putchar('\n');
        fine = report_group_print(&group, stdout, terminal_width()) && flush_output();
    }
    if (fine && several->folder.path)
        fine = report_group_write(&group, several->folder.path) &&
               filled_file_json(several->folder.path, mark, json_incref(several->all));
    free(reports);
    return fine && (!several->flags->json || print_json(json_incref(several->all)));
}

static int evaluate_several(const struct evaluate_flags *flags, const struct text_list *models,
                            const struct named_methods *methods) {
    struct several several = {.flags = flags};
    int status = open_several(&several, models) ? ask_each(&several, methods) : EXIT_FAILURE;
    if (status == EXIT_SUCCESS && !show(&several))
        status = EXIT_FAILURE;
    if (several.folder.is_new && access(several.outputs[0], F_OK) != 0) /* nothing came of it */
        output_folder_remove(&several.folder, mark);
    close_several(&several);
    return status;
}

int evaluate_models(const struct evaluate_flags *flags, const struct text_list *models,
                    const struct named_methods *methods) {
    return models->n == 1 ? evaluate_one(flags, models->items[0], methods)
                          : evaluate_several(flags, models, methods);
}
