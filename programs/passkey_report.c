#include "passkey_report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "fail.h"
#include "grid.h"
#include "json_output.h"
#include "progress.h"

struct report {
    const struct passkey_report_options *options;
    const struct passkey_task *task;
    const dm_model_info *info;
    const struct method *method;
    double depths[passkey_max_depth];
    struct grid grid;
    struct progress progress;
    dm_session **sessions; /* [batch] */
    size_t n_session;
    struct passkey_prompt *prompts; /* [n_length, n_depth, n_key] */
    size_t n_prompt;
    size_t n_read;    /* tokens of all batches before this one */
    bool live, shown; /* the table is drawn again with every batch; it is there already */
};

static bool on_terminal(void) {
    const char *terminal = getenv("TERM");
    return isatty(STDOUT_FILENO) && terminal && strcmp(terminal, "dumb") != 0;
}

static bool in_colours(void) {
    const char *no_color = getenv("NO_COLOR");
    return on_terminal() && !(no_color && *no_color);
}

/* A table that the window cuts or wraps cannot be drawn over. */
static bool fits(const struct grid *grid) {
    struct winsize size;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_row ||
           (size.ws_row > grid_height(grid) && size.ws_col >= grid_width(grid));
}

/* Prints the table, over the one that is there. */
static void show(struct report *report) {
    progress_clear(&report->progress);
    if (report->shown)
        printf("\033[%zuA", grid_height(&report->grid));
    grid_print(&report->grid, stdout, in_colours());
    fflush(stdout);
    report->shown = true;
}

static void show_progress(size_t n_read, void *user) {
    struct report *report = user;
    progress_update(&report->progress, report->n_read + n_read);
}

static bool draw_prompts(struct report *report) {
    const struct passkey_report_options *options = report->options;
    dm_error error;
    struct passkey_prompt *prompt = report->prompts;
    for (size_t l = 0; l < options->lengths.n; l++)
        for (size_t d = 0; d < options->n_depth; d++)
            for (size_t k = 0; k < options->n_key; k++, prompt++)
                if (passkey_draw(report->task, options->lengths.items[l], report->depths[d], k,
                                 prompt, &error))
                    return fail("%s", error.message);
    return true;
}

/* Zeros; a pointer even to none. */
static void *new_array(size_t n, size_t size) {
    return calloc(n ? n : 1, size);
}

static bool prepare(struct report *report, const dm_model *model) {
    const struct passkey_report_options *options = report->options;
    dm_error error;
    size_t n_depth = options->n_depth, n_token = 0;
    for (size_t d = 0; d < n_depth; d++)
        report->depths[d] = n_depth > 1 ? (double)d / (double)(n_depth - 1) : 0.5;
    size_t n_each = n_depth * options->n_key; /* prompts of one length: no batch is larger */
    size_t n_session = n_each < options->batch ? n_each : options->batch;
    report->n_prompt = options->lengths.n * n_each;
    report->prompts = new_array(report->n_prompt, sizeof *report->prompts);
    report->sessions = new_array(n_session, sizeof(dm_session *));
    if (!grid_init(&report->grid, report->depths, n_depth, options->lengths.items,
                   options->lengths.n, options->n_key) ||
        !report->prompts || !report->sessions)
        return fail_memory();
    report->grid.trained = options->trained;
    if (!draw_prompts(report))
        return false;
    for (; report->n_session < n_session; report->n_session++)
        if (dm_session_new(model, &report->method->context, &report->sessions[report->n_session],
                           &error))
            return fail("method '%s': %s", report->method->name, error.message);
    for (size_t i = 0; i < report->n_prompt; i++)
        n_token += report->prompts[i].length;
    report->live = on_terminal() && fits(&report->grid);
    progress_start(&report->progress, "passkey", n_token);
    return true;
}

/* Answers the prompts of one length in batches; the table gets their marks. */
static bool run_length(struct report *report, size_t l) {
    const struct passkey_report_options *options = report->options;
    size_t n = options->n_depth * options->n_key;
    struct passkey_prompt *prompts = report->prompts + l * n;
    dm_error error;
    for (size_t first = 0, size; first < n; first += size) {
        size = n - first < options->batch ? n - first : options->batch;
        const struct passkey_batch batch = {.sessions = report->sessions,
                                            .prompts = prompts + first,
                                            .n = size,
                                            .vocab_size = report->info->vocab_size,
                                            .progress = show_progress,
                                            .user = report};
        if (passkey_answer(report->task, &batch, &error)) {
            progress_clear(&report->progress);
            return fail("method '%s': %s", report->method->name, error.message);
        }
        report->n_read += size * prompts->length;
        for (size_t i = first; i < first + size; i++)
            grid_add(&report->grid, i / options->n_key, l, prompts[i].right);
        if (report->live)
            show(report);
    }
    return true;
}

static json_t *outcome(const struct report *report, double seconds) {
    size_t right, done;
    json_t *prompts = json_array();
    grid_count(&report->grid, &right, &done);
    for (size_t i = 0; i < report->n_prompt; i++) {
        const struct passkey_prompt *prompt = &report->prompts[i];
        json_t *answer = json_string(prompt->answer); /* NULL where the cut split a character */
        json_array_append_new(
            prompts, json_pack("{so sf so so ss so sb}", "length", json_size(prompt->length),
                               "depth", prompt->depth, "number", json_size(prompt->number), "start",
                               json_size(prompt->start), "key", prompt->key, "answer",
                               answer ? answer : json_null(), "right", prompt->right));
    }
    return json_pack("{ss so so so so so}", "method", report->method->name, "context",
                     context_to_json(&report->method->context), "right", json_size(right), "total",
                     json_size(done), "seconds", json_number_or_null(seconds), "prompts", prompts);
}

static bool run(struct report *report, const dm_model *model, bool first, json_t *outcomes) {
    if (!prepare(report, model))
        return false;
    double started = seconds_now();
    printf("%s%s\n", first ? "" : "\n", report->method->name);
    if (report->live)
        show(report);
    for (size_t l = 0; l < report->options->lengths.n; l++)
        if (!run_length(report, l))
            return false;
    double seconds = seconds_now() - started;
    if (!report->live)
        show(report);
    progress_clear(&report->progress);
    size_t right, done;
    grid_count(&report->grid, &right, &done);
    printf("%zu of %zu right, in %.1f s (%.0f tokens/s)", right, done, seconds,
           (double)report->n_read / seconds);
    for (size_t l = 0; l < report->options->lengths.n; l++)
        if (report->options->lengths.items[l] == report->options->trained) {
            printf("; *: the length trained on");
            break;
        }
    putchar('\n');
    json_array_append_new(outcomes, outcome(report, seconds));
    return flush_output();
}

bool passkey_report(const struct passkey_report_options *options, const struct passkey_task *task,
                    const dm_model *model, const dm_model_info *info, const struct method *method,
                    bool first, json_t *outcomes) {
    struct report report = {.options = options, .task = task, .info = info, .method = method};
    bool fine = run(&report, model, first, outcomes);
    for (size_t i = 0; i < report.n_session; i++)
        dm_session_free(report.sessions[i]);
    free(report.sessions);
    free(report.prompts);
    grid_free(&report.grid);
    return fine;
}
