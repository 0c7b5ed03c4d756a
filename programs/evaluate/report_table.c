#include "report_table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/fail.h"

/* Where tables go. */
struct target {
    FILE *stream;
    size_t width; /* 0: Markdown */
};

bool report_is_grid(const struct task *task) {
    return task->measure == TASK_RIGHT && task->columns.values && task->rows.values &&
           task->rows.n > 1;
}

/* Whether this is a column that the model was trained on. */
static bool is_trained(const struct report *report, size_t column) {
    const double *values = report->task->columns.values;
    return report->trained && values && column < report->task->columns.n &&
           values[column] == (double)report->trained;
}

/* Models that were trained on different lengths: what stands for a column of one does not for another,
 * so that figures are marked. */
static bool trained_alike(const struct report_group *group) {
    for (size_t i = 1; i < group->n; i++)
        if (group->reports[i]->trained != group->reports[0]->trained)
            return false;
    return true;
}

/* How tables name the figures. */
static const char *figures_of(const struct task *task) {
    static const char *const names[] = {[TASK_RIGHT] = "right answers, 95% interval of their share",
                                        [TASK_SCORE] = "mean score of 100, \u00b1 95% interval",
                                        [TASK_LOSS] = "perplexity, 95% interval"};
    return names[task->measure];
}

/* "19.24", "1204", "3.1e+06" */
static void write_perplexity(char *text, size_t size, double loss) {
    double value = exp(loss);
    if (isnan(value))
        snprintf(text, size, "nan");
    else
        snprintf(text, size, value < 100 ? "%.2f" : value < 1e6 ? "%.0f" : "%.2g", value);
}

/* `mark` follows the figure. */
static void put_cell(struct table *table, const struct report_cell *cell, enum task_measure measure,
                     const char *mark) {
    char figure[20], low[20], high[20];
    bool known = !isnan(cell->interval.low);
    if (!cell->n) {
        table_missing(table);
        return;
    }
    switch (measure) {
    case TASK_RIGHT:
        table_text(table, "%.0f/%zu%s", cell->sum, cell->n, mark);
        table_note(table, "%.0f-%.0f%%", 100 * cell->interval.low, 100 * cell->interval.high);
        break;
    case TASK_SCORE:
        if (known) /* on the side where no bound of scores cut it */
            table_text(table, "%.1f%s \u00b1%.1f", 100 * cell->mean, mark,
                       100 *
                           fmax(cell->mean - cell->interval.low, cell->interval.high - cell->mean));
        else
            table_text(table, "%.1f%s", 100 * cell->mean, mark);
        break;
    case TASK_LOSS:
        write_perplexity(figure, sizeof figure, cell->mean);
        table_text(table, "%s%s", figure, mark);
        write_perplexity(low, sizeof low, cell->interval.low);
        write_perplexity(high, sizeof high, cell->interval.high);
        if (known)
            table_note(table, "%s-%s", low, high);
    }
}

/* How many outcomes the methods' cells have: "20", or "18-20" where they differ. */
static void put_count(struct table *table, const struct report_tables *tables, size_t column,
                      size_t row) {
    size_t least = SIZE_MAX, most = 0;
    for (size_t r = 0; r < tables->group->n; r++)
        for (size_t m = 0; m < tables->group->reports[r]->methods->n; m++) {
            size_t n = report_cell(&tables->cells[r], m, column, row)->n;
            least = n < least ? n : least;
            most = n > most ? n : most;
        }
    if (most > least)
        table_text(table, "%zu-%zu", least, most);
    else
        table_count(table, least);
}

/* The names of an axis, with '*' behind columns that the model was trained on. */
static void add_columns(struct table *table, const struct report_group *group,
                        const struct task_axis *axis) {
    const struct report *report = group->reports[0];
    for (size_t i = 0; i < axis->n; i++) {
        bool trained = axis == &report->task->columns && is_trained(report, i);
        table_column(table, COLUMN_TEXT, "%s%s", axis->names[i],
                     trained && trained_alike(group) ? "*" : "");
    }
}

/* One method of a report. */
static void put_method(struct table *table, const struct report_tables *tables, size_t r, size_t m,
                       bool by_rows) {
    const struct report *report = tables->group->reports[r];
    const struct task *task = report->task;
    const struct task_axis *axis = by_rows ? &task->rows : &task->columns;
    size_t n_column = axis->n > 1 ? axis->n + 1 : 1;
    bool alike = trained_alike(tables->group);
    bool many = tables->group->n > 1;
    table_text(table, "%s%s%s", many ? tables->group->names[r] : "", many ? ", " : "",
               report->methods->items[m].label);
    for (size_t i = 0; i < n_column; i++) {
        size_t column = by_rows ? task->columns.n : i, row = by_rows ? i : task->rows.n;
        put_cell(table, report_cell(&tables->cells[r], m, column, row), task->measure,
                 !alike && is_trained(report, column) ? "*" : "");
    }
}

/* Methods by one side of the table; where figures are no counts, a row tells of how many outcomes
 * they are. */
static void fill_methods(const struct report_tables *tables, bool by_rows, struct table *table) {
    const struct report_group *group = tables->group;
    const struct task *task = group->reports[0]->task;
    const struct task_axis *axis = by_rows ? &task->rows : &task->columns;
    size_t n_column = axis->n > 1 ? axis->n + 1 : 1;
    table_column(table, COLUMN_TEXT, "%s", group->n > 1 ? "model, method" : "method");
    add_columns(table, group, axis);
    if (axis->n > 1)
        table_column(table, COLUMN_TEXT, "all");
    for (size_t r = 0; r < group->n; r++)
        for (size_t m = 0; m < group->reports[r]->methods->n; m++)
            put_method(table, tables, r, m, by_rows);
    if (task->measure == TASK_RIGHT)
        return;
    table_text(table, "n");
    for (size_t i = 0; i < n_column; i++)
        put_count(table, tables, by_rows ? task->columns.n : i, by_rows ? i : task->rows.n);
}

/* One method's rows by columns: counts alone. */
static void fill_grid(const struct report_cells *cells, size_t method, struct table *table) {
    const struct report *report = cells->report;
    const struct task *task = report->task;
    table_column(table, COLUMN_TEXT, "%s", task->rows.name);
    add_columns(table, &(struct report_group){&report, &report->model, 1}, &task->columns);
    for (size_t r = 0; r < task->rows.n; r++) {
        table_text(table, "%s", task->rows.names[r]);
        for (size_t c = 0; c < task->columns.n; c++) {
            const struct report_cell *cell = report_cell(cells, method, c, r);
            if (cell->n)
                table_text(table, "%.0f/%zu", cell->sum, cell->n);
            else
                table_missing(table);
        }
    }
}

static bool put_table(const struct target *target, struct table *table) {
    bool fine = target->width ? table_print(table, target->stream, target->width)
                              : table_print_markdown(table, target->stream);
    table_free(table);
    return fine;
}

static void put_title(const struct target *target, const struct report_group *group) {
    const struct task *task = group->reports[0]->task;
    bool many = group->n > 1;
    const char *format = target->width ? "%s by %s, %s: %s\n\n"
                         : many        ? "# %s by %s, %s\n\n%s:\n\n"
                                       : "# %s by %s, `%s`\n\n%s:\n\n";
    char name[40];
    snprintf(name, sizeof name, "%zu models", group->n);
    fprintf(target->stream, format, task->name, task->columns.name,
            many ? name : group->reports[0]->model, figures_of(task));
}

static bool has_mark(const struct report_group *group) {
    for (size_t r = 0; r < group->n; r++)
        for (size_t c = 0; c < group->reports[r]->task->columns.n; c++)
            if (is_trained(group->reports[r], c))
                return true;
    return false;
}

static void put_notes(const struct target *target, const struct report_group *group) {
    const struct task *task = group->reports[0]->task;
    const char *mark = target->width ? "*" : "\\*";
    if (has_mark(group))
        fprintf(target->stream, "\n%s: trained with this many %s\n", mark, task->columns.name);
    if (task->mean_of_rows)
        fprintf(target->stream, "\nFigures over several %ss are the mean of theirs.\n",
                task->rows.name);
}

static bool put_methods(const struct target *target, const struct report_tables *tables,
                        bool by_rows) {
    const struct task *task = tables->group->reports[0]->task;
    struct table table = {0};
    fill_methods(tables, by_rows, &table);
    if (by_rows)
        fprintf(target->stream, target->width ? "\nby %s:\n\n" : "\n## By %s\n\n", task->rows.name);
    return put_table(target, &table);
}

static bool put_grid(FILE *stream, const struct report_tables *tables, size_t r, size_t method) {
    const struct report_group *group = tables->group;
    const char *between = group->n > 1 ? ", " : "";
    struct table table = {0};
    fill_grid(&tables->cells[r], method, &table);
    fprintf(stream, "\n## %s%s`%s`\n\n", group->n > 1 ? group->names[r] : "", between,
            group->reports[r]->methods->items[method].label);
    return put_table(&(struct target){stream, 0}, &table);
}

static bool put_all(const struct target *target, const struct report_tables *tables) {
    const struct task *task = tables->group->reports[0]->task;
    put_title(target, tables->group);
    bool fine = put_methods(target, tables, false);
    if (fine)
        put_notes(target, tables->group);
    if (task->mean_of_rows || (task->shows_rows && task->rows.n > 1))
        fine = fine && put_methods(target, tables, true);
    return fine;
}

bool report_tables_make(struct report_tables *tables, const struct report_group *group) {
    bool fine = true;
    *tables = (struct report_tables){group, calloc(group->n, sizeof *tables->cells)};
    if (!tables->cells)
        return fail_memory();
    for (size_t r = 0; r < group->n && fine; r++)
        fine = report_cells_make(&tables->cells[r], group->reports[r]);
    return fine;
}

void report_tables_free(struct report_tables *tables) {
    for (size_t r = 0; tables->cells && r < tables->group->n; r++)
        report_cells_free(&tables->cells[r]);
    free(tables->cells);
    *tables = (struct report_tables){0};
}

bool report_tables_markdown(const struct report_tables *tables, FILE *stream) {
    const struct report_group *group = tables->group;
    bool fine = put_all(&(struct target){stream, 0}, tables);
    for (size_t r = 0; r < group->n; r++)
        for (size_t m = 0; m < group->reports[r]->methods->n; m++)
            if (report_is_grid(group->reports[r]->task))
                fine = fine && put_grid(stream, tables, r, m);
    return fine;
}

void report_add_figures(struct table *table) {
    table_file_columns(table, "n:count sum:number figure:number low:number high:number");
}

void report_put_figures(struct table *table, const struct task *task,
                        const struct report_cell *cell) {
    table_count(table, cell->n);
    table_number(table, cell->sum);
    table_number(table, report_shown(task, cell->mean));
    table_number(table, report_shown(task, cell->interval.low));
    table_number(table, report_shown(task, cell->interval.high));
}

bool report_group_print(const struct report_group *group, FILE *stream, size_t width) {
    const struct target target = {stream, width ? width : 1};
    struct report_tables tables;
    bool fine = report_tables_make(&tables, group) && put_all(&target, &tables);
    report_tables_free(&tables);
    return fine;
}

bool report_print(const struct report *report, FILE *stream, size_t width) {
    return report_group_print(&(struct report_group){&report, &report->model, 1}, stream, width);
}
