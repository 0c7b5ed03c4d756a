/* The outcomes of a report: in memory, in the journal, and back. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/fail.h"
#include "cli/json_output.h"
#include "report.h"

static struct report_outcome *outcome_at(const struct report *report, size_t method,
                                         size_t prompt) {
    return &report->outcomes[method * report->task->n_prompt + prompt];
}

/* A line of the journal that is being read. */
struct line {
    const struct report *report;
    const json_t *object;
    size_t number;
    size_t method; /* methods->n: not one of this report's */
};

static bool fail_line(const struct line *line, const char *what) {
    return fail("%s:%zu: %s", line->report->journal.path, line->number, what);
}

static size_t find_method(const struct method_list *methods, const char *name) {
    size_t i = 0;
    while (i < methods->n && strcmp(methods->items[i].name, name) != 0)
        i++;
    return i;
}

/* The line that comes before a method's outcomes. */
static bool take_method(const struct line *line, const json_t *options) {
    const struct report *report = line->report;
    char what[120];
    if (line->method == report->methods->n)
        return true;
    const struct method *method = &report->methods->items[line->method];
    report->announced[line->method] = true;
    json_t *now = method_options_to_json(&method->options);
    snprintf(what, sizeof what, "method '%.80s' was ", method->name);
    bool fine = now ? report_journal_same(&report->journal, what, options, now) : fail_memory();
    json_decref(now);
    return fine;
}

static bool is_named(const json_t *object, const char *key, const char *name) {
    const char *text = json_string_value(json_object_get(object, key));
    return text && !strcmp(text, name);
}

static bool is_score(const json_t *score, enum task_measure measure) {
    double value = json_number_value(score);
    if (measure == TASK_RIGHT)
        return json_is_number(score) && (value == 0 || value == 1);
    if (json_is_null(score)) /* the model gave no number */
        return true;
    return json_is_number(score) && value >= 0 && (measure == TASK_LOSS || value <= 1);
}

static bool take_outcome(const struct line *line, const json_t *prompt) {
    const struct report *report = line->report;
    const struct task *task = report->task;
    const json_t *score = json_object_get(line->object, "score");
    const json_t *tokens = json_object_get(line->object, "tokens");
    size_t column, row, i = (size_t)json_integer_value(prompt);
    if (json_integer_value(prompt) < 0 || i >= task->n_prompt)
        return fail_line(line, "\"prompt\" is no prompt of this task");
    if (!is_score(score, task->measure))
        return fail_line(line, "\"score\" is no score of this task");
    if (!json_is_integer(tokens) || json_integer_value(tokens) < 0)
        return fail_line(line, "\"tokens\" is no number of tokens");
    task->cell_of(task, i, &column, &row);
    if (!is_named(line->object, "column", task->columns.names[column]) ||
        !is_named(line->object, "row", task->rows.names[row]))
        return fail_line(line, "\"column\" and \"row\" are not those of this prompt");
    if (line->method == report->methods->n)
        return true;
    if (!report->announced[line->method])
        return fail_line(line, "an outcome before the line of its method");
    struct report_outcome *outcome = outcome_at(report, line->method, i);
    if (outcome->done)
        return fail_line(line, "the second outcome of this prompt");
    *outcome =
        (struct report_outcome){.done = true,
                                .score = json_is_null(score) ? NAN : json_number_value(score),
                                .n_token = (size_t)json_integer_value(tokens)};
    return true;
}

static bool take_line(void *user, json_t *object, size_t number) {
    struct line line = {.report = user, .object = object, .number = number};
    const char *method = json_string_value(json_object_get(object, "method"));
    const json_t *options = json_object_get(object, "options");
    const json_t *before = json_object_get(object, "context"); /* its name in the version before */
    const json_t *prompt = json_object_get(object, "prompt");
    if (!method)
        return fail_line(&line, "\"method\" is no text");
    line.method = find_method(line.report->methods, method);
    if (json_is_integer(prompt))
        return take_outcome(&line, prompt);
    if (!options && json_is_object(before))
        return take_method(&line, before);
    return json_is_object(options) ? take_method(&line, options)
                                   : fail_line(&line, "neither a method nor an outcome");
}

static bool check_names(const struct method_list *methods) {
    for (size_t i = 0; i < methods->n; i++)
        if (find_method(methods, methods->items[i].name) < i)
            return fail("method '%.80s' is named twice", methods->items[i].name);
    return true;
}

bool report_open(struct report *report, const struct task *task, const struct method_list *methods,
                 const char *directory, const char *model, json_t *settings, size_t trained) {
    size_t n;
    *report = (struct report){
        .task = task, .methods = methods, .model = model, .trained = trained, .settings = settings};
    if (!settings || __builtin_mul_overflow(methods->n, task->n_prompt, &n))
        return fail_memory();
    if (!check_names(methods))
        return false;
    report->outcomes = calloc(n ? n : 1, sizeof *report->outcomes);
    report->announced = calloc(methods->n ? methods->n : 1, sizeof *report->announced);
    if (!report->outcomes || !report->announced)
        return fail_memory();
    return !directory ||
           report_journal_open(&report->journal, directory,
                               report_journal_header(task->name, model, json_incref(settings)),
                               take_line, report);
}

bool report_done(const struct report *report, size_t method, size_t prompt) {
    return outcome_at(report, method, prompt)->done;
}

double report_score(const struct report *report, size_t method, size_t prompt) {
    return outcome_at(report, method, prompt)->score;
}

static json_t *outcome_line(const struct report *report, size_t method, size_t prompt,
                            const struct task_outcome *outcome) {
    const struct task *task = report->task;
    size_t column, row;
    json_t *details = json_object();
    if (!details || (task->describe && !task->describe(task, prompt, details))) {
        json_decref(details);
        return NULL;
    }
    task->cell_of(task, prompt, &column, &row);
    json_t *line = json_pack("{ss so ss ss so so}", "method", report->methods->items[method].name,
                             "prompt", json_size(prompt), "column", task->columns.names[column],
                             "row", task->rows.names[row], "tokens", json_size(outcome->n_token),
                             "score", json_number_or_null(outcome->score));
    if (line && outcome->answer) {
        /* NULL where it is not UTF-8 */
        json_t *answer = json_stringn(outcome->answer, outcome->n_answer);
        json_object_set_new(line, "answer", answer ? answer : json_null());
    }
    json_object_update_missing(line, details);
    json_decref(details);
    return line;
}

static bool announce(struct report *report, size_t method) {
    const struct method *item = &report->methods->items[method];
    report->announced[method] = true;
    return report_journal_write(&report->journal,
                                json_pack("{ss so}", "method", item->name, "options",
                                          method_options_to_json(&item->options)));
}

bool report_add(struct report *report, size_t method, size_t prompt,
                const struct task_outcome *outcome) {
    *outcome_at(report, method, prompt) =
        (struct report_outcome){.done = true,
                                .score = isfinite(outcome->score) ? outcome->score : NAN,
                                .n_token = outcome->n_token};
    if (!report->journal.path)
        return true;
    return (report->announced[method] || announce(report, method)) &&
           report_journal_write(&report->journal, outcome_line(report, method, prompt, outcome));
}

bool report_flush(struct report *report) {
    return report_journal_flush(&report->journal);
}

void report_close(struct report *report) {
    report_journal_close(&report->journal);
    json_decref(report->settings);
    free(report->outcomes);
    free(report->announced);
    *report = (struct report){0};
}
