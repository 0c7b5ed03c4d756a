/* The files of a report: table.md, report.json, and the picture's. */
#include <math.h>
#include <stdlib.h>

#include "cli/fail.h"
#include "cli/json_output.h"
#include "report_file.h"
#include "report_picture.h"
#include "report_table.h"

static json_t *axis_to_json(const struct task_axis *axis) {
    json_t *names = json_array(), *values = axis->values ? json_array() : json_null();
    for (size_t i = 0; i < axis->n; i++) {
        json_array_append_new(names, json_string(axis->names[i]));
        if (axis->values)
            json_array_append_new(values, json_number_or_null(axis->values[i]));
    }
    return json_pack("{ss so so}", "name", axis->name, "names", names, "values", values);
}

static json_t *cell_to_json(const struct report_cell *cell, enum task_measure measure) {
    json_t *object = json_pack(
        "{so so so so so}", "n", json_size(cell->n), "sum", json_number_or_null(cell->sum), "mean",
        json_number_or_null(cell->mean), "low", json_number_or_null(cell->interval.low), "high",
        json_number_or_null(cell->interval.high));
    if (measure == TASK_LOSS)
        json_object_set_new(object, "perplexity", json_number_or_null(exp(cell->mean)));
    return object;
}

/* The cells of one row, and its figure for all columns. */
static json_t *row_to_json(const struct report_cells *cells, size_t method, size_t row) {
    const struct task *task = cells->report->task;
    json_t *columns = json_object();
    for (size_t c = 0; c < task->columns.n; c++)
        json_object_set_new(columns, task->columns.names[c],
                            cell_to_json(report_cell(cells, method, c, row), task->measure));
    json_t *all = cell_to_json(report_cell(cells, method, task->columns.n, row), task->measure);
    return json_pack("{so so}", "columns", columns, "all", all);
}

static json_t *method_to_json(const struct report_cells *cells, size_t m) {
    const struct report *report = cells->report;
    const struct method *method = &report->methods->items[m];
    const struct task *task = report->task;
    json_t *rows = json_object();
    for (size_t r = 0; r < task->rows.n; r++)
        json_object_set_new(rows, task->rows.names[r], row_to_json(cells, m, r));
    return json_pack("{ss so so so}", "method", method->name, "options",
                     method_options_to_json(&method->options), "rows", rows, "all",
                     row_to_json(cells, m, task->rows.n));
}

static bool fill_json(const struct report_cells *cells, FILE *stream) {
    static const char *const measures[] = {
        [TASK_RIGHT] = "right", [TASK_SCORE] = "score", [TASK_LOSS] = "loss"};
    const struct report *report = cells->report;
    json_t *methods = json_array(), *model = json_string(report->model);
    for (size_t m = 0; m < report->methods->n; m++)
        json_array_append_new(methods, method_to_json(cells, m));
    json_t *object = json_pack(
        "{ss ss so so sO sb so so so}", "task", report->task->name, "measure",
        measures[report->task->measure], "model", model ? model : json_null(), "trained",
        report->trained ? json_size(report->trained) : json_null(), "settings", report->settings,
        "mean_of_rows", report->task->mean_of_rows, "columns", axis_to_json(&report->task->columns),
        "rows", axis_to_json(&report->task->rows), "methods", methods);
    if (!object)
        return fail_memory();
    json_dumpf(object, stream, JSON_INDENT(1) | JSON_REAL_PRECISION(10));
    fputc('\n', stream);
    json_decref(object);
    return true;
}

bool report_write(const struct report *report) {
    struct report_cells cells;
    if (!report->journal.path)
        return true;
    bool fine = report_cells_make(&cells, report) &&
                report_file_write(&cells, "table", ".md", report_tables_markdown) &&
                report_file_write(&cells, "report", ".json", fill_json) && report_picture(&cells);
    report_cells_free(&cells);
    return fine;
}
