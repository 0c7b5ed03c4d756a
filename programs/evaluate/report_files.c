/* The files of a report: table.md, report.json, and the picture's. */
#include <math.h>
#include <stdlib.h>

#include "cli/fail.h"
#include "cli/filled_file.h"
#include "cli/gnuplot.h"
#include "cli/json_output.h"
#include "cli/table.h"
#include "report_table.h"

/* ---- report.json ---- */

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

static json_t *describe(const struct report_cells *cells) {
    const struct report *report = cells->report;
    json_t *methods = json_array(), *model = json_string(report->model);
    for (size_t m = 0; m < report->methods->n; m++)
        json_array_append_new(methods, method_to_json(cells, m));
    return json_pack("{ss ss so so sO sb so so so}", "task", report->task->name, "measure",
                     report_measure(report->task), "model", model ? model : json_null(), "trained",
                     report->trained ? json_size(report->trained) : json_null(), "settings",
                     report->settings, "mean_of_rows", report->task->mean_of_rows, "columns",
                     axis_to_json(&report->task->columns), "rows",
                     axis_to_json(&report->task->rows), "methods", methods);
}

/* ---- The figure and its table ---- */

/* `place`: of the column among those that are drawn. */
static void put_row(struct table *table, const struct report_cells *cells, size_t method,
                    size_t column, size_t place, size_t row) {
    const struct task *task = cells->report->task;
    const struct report_cell *cell = report_cell(cells, method, column, row);
    bool by_value = task->columns.values && !report_is_grid(task);
    table_count(table, method + 1);
    table_text(table, "%s", cells->report->methods->items[method].label);
    table_text(table, "%s", column < task->columns.n ? task->columns.names[column] : "all");
    table_number(table, by_value ? task->columns.values[column] : (double)place);
    table_text(table, "%s", row < task->rows.n ? task->rows.names[row] : "all");
    table_count(table, row);
    report_put_figures(table, task, cell);
}

static bool write_table(const struct report_cells *cells) {
    const struct report *report = cells->report;
    const struct task *task = report->task;
    size_t *order = report_column_order(task), n_column = task->columns.n;
    char name[80];
    if (!order)
        return false;
    bool grid = report_is_grid(task), totalled = !task->columns.values && n_column > 1;
    struct table table = {.missing = "?"};
    table_file_columns(&table, "method:count name:text column:text x:number row:text y:count");
    report_add_figures(&table);
    for (size_t m = 0; m < report->methods->n; m++)
        for (size_t i = 0; i < n_column + totalled; i++) {
            size_t column = i < n_column ? order[i] : n_column;
            for (size_t r = grid ? 0 : task->rows.n; r < task->rows.n + !grid; r++)
                put_row(&table, cells, m, column, i, r);
        }
    free(order);
    snprintf(name, sizeof name, "%s.tsv", task->name);
    return table_save(&table, report->journal.folder.path, name);
}

/* A line for each method; allocated. */
static char *list_names(const struct method_list *methods) {
    char *names = NULL;
    size_t n_byte;
    FILE *stream = open_memstream(&names, &n_byte);
    for (size_t m = 0; stream && m < methods->n; m++)
        fprintf(stream, "%s%s", m ? "\n" : "", methods->items[m].label);
    if (stream && fclose(stream) == 0)
        return names;
    free(names);
    fail_memory();
    return NULL;
}

static bool draw(const struct report *report) {
    const struct task *task = report->task;
    double trained = task->columns.values ? (double)report->trained : 0;
    char *names = list_names(report->methods);
    bool fine = names && figure_draw(&(struct figure){
                             .script = report_is_grid(task)   ? "evaluate-grid"
                                       : task->columns.values ? "evaluate-lines"
                                                              : "evaluate-bars",
                             .folder = report->journal.folder.path,
                             .name = task->name,
                             .settings = {{.name = "model", .text = report->model},
                                          {.name = "task", .text = task->name},
                                          {.name = "column_name", .text = task->columns.name},
                                          {.name = "row_name", .text = task->rows.name},
                                          {.name = "measure", .text = report_measure(task)},
                                          {.name = "trained", .number = trained},
                                          {.name = "names", .text = names, .lines = true}}});
    free(names);
    return fine;
}

/* ---- All ---- */

static bool fill_markdown(const void *tables, FILE *stream) {
    return report_tables_markdown(tables, stream);
}

bool report_group_write(const struct report_group *group, const char *folder) {
    struct report_tables tables;
    bool fine = report_tables_make(&tables, group) &&
                filled_file_write(folder, "table.md", fill_markdown, &tables);
    report_tables_free(&tables);
    return fine;
}

json_t *report_to_json(const struct report *report) {
    struct report_cells cells;
    json_t *object = report_cells_make(&cells, report) ? describe(&cells) : NULL;
    report_cells_free(&cells);
    if (!object)
        fail_memory();
    return object;
}

bool report_write(const struct report *report) {
    struct report_cells cells;
    const char *folder = report->journal.folder.path;
    if (!report->journal.path)
        return true;
    bool fine = report_cells_make(&cells, report) &&
                report_group_write(&(struct report_group){&report, &report->model, 1}, folder) &&
                filled_file_json(folder, "report.json", describe(&cells)) && write_table(&cells) &&
                draw(report);
    report_cells_free(&cells);
    return fine;
}
