#include "report_table.h"

#include <math.h>
#include <string.h>

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
    return report->trained && values && values[column] == (double)report->trained;
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

static void put_cell(struct table *table, const struct report_cell *cell,
                     enum task_measure measure) {
    char figure[20], low[20], high[20];
    bool known = !isnan(cell->interval.low);
    if (!cell->n) {
        table_missing(table);
        return;
    }
    switch (measure) {
    case TASK_RIGHT:
        table_text(table, "%.0f/%zu", cell->sum, cell->n);
        table_note(table, "%.0f-%.0f%%", 100 * cell->interval.low, 100 * cell->interval.high);
        break;
    case TASK_SCORE:
        if (known) /* on the side where no bound of scores cut it */
            table_text(table, "%.1f \u00b1%.1f", 100 * cell->mean,
                       100 *
                           fmax(cell->mean - cell->interval.low, cell->interval.high - cell->mean));
        else
            table_text(table, "%.1f", 100 * cell->mean);
        break;
    case TASK_LOSS:
        write_perplexity(figure, sizeof figure, cell->mean);
        table_text(table, "%s", figure);
        write_perplexity(low, sizeof low, cell->interval.low);
        write_perplexity(high, sizeof high, cell->interval.high);
        if (known)
            table_note(table, "%s-%s", low, high);
    }
}

/* How many outcomes the methods' cells have: "20", or "18-20" where they differ. */
static void put_count(struct table *table, const struct report_cells *cells, size_t column,
                      size_t row) {
    size_t least = SIZE_MAX, most = 0;
    for (size_t m = 0; m < cells->report->methods->n; m++) {
        size_t n = report_cell(cells, m, column, row)->n;
        least = n < least ? n : least;
        most = n > most ? n : most;
    }
    if (most > least)
        table_text(table, "%zu-%zu", least, most);
    else
        table_count(table, least);
}

/* The names of an axis, with '*' behind columns that the model was trained on. */
static void add_columns(struct table *table, const struct report *report,
                        const struct task_axis *axis) {
    for (size_t i = 0; i < axis->n; i++) {
        bool trained = axis == &report->task->columns && is_trained(report, i);
        table_column(table, COLUMN_TEXT, "%s%s", axis->names[i], trained ? "*" : "");
    }
}

/* Methods by one side of the table; where figures are no counts, a row tells of how many outcomes
 * they are. */
static void fill_methods(const struct report_cells *cells, bool by_rows, struct table *table) {
    const struct report *report = cells->report;
    const struct task *task = report->task;
    const struct task_axis *axis = by_rows ? &task->rows : &task->columns;
    size_t n_method = report->methods->n, n_column = axis->n > 1 ? axis->n + 1 : 1;
    bool counted = task->measure != TASK_RIGHT;
    table_column(table, COLUMN_TEXT, "method");
    add_columns(table, report, axis);
    if (axis->n > 1)
        table_column(table, COLUMN_TEXT, "all");
    for (size_t m = 0; m < n_method + counted; m++) {
        table_text(table, "%s", m < n_method ? report->methods->items[m].label : "n");
        for (size_t i = 0; i < n_column; i++) {
            size_t column = by_rows ? task->columns.n : i, row = by_rows ? i : task->rows.n;
            if (m < n_method)
                put_cell(table, report_cell(cells, m, column, row), task->measure);
            else
                put_count(table, cells, column, row);
        }
    }
}

/* One method's rows by columns: counts alone. */
static void fill_grid(const struct report_cells *cells, size_t method, struct table *table) {
    const struct report *report = cells->report;
    const struct task *task = report->task;
    table_column(table, COLUMN_TEXT, "%s", task->rows.name);
    add_columns(table, report, &task->columns);
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

static void put_title(const struct target *target, const struct report *report) {
    const struct task *task = report->task;
    const char *format = target->width ? "%s by %s, %s: %s\n\n" : "# %s by %s, `%s`\n\n%s:\n\n";
    fprintf(target->stream, format, task->name, task->columns.name, report->model,
            figures_of(task));
}

static void put_notes(const struct target *target, const struct report *report) {
    const struct task *task = report->task;
    const char *mark = target->width ? "*" : "\\*";
    for (size_t c = 0; c < task->columns.n; c++)
        if (is_trained(report, c)) {
            fprintf(target->stream, "\n%s: trained with this many %s\n", mark, task->columns.name);
            break;
        }
    if (task->mean_of_rows)
        fprintf(target->stream, "\nFigures over several %ss are the mean of theirs.\n",
                task->rows.name);
}

static bool put_methods(const struct target *target, const struct report_cells *cells,
                        bool by_rows) {
    struct table table = {0};
    fill_methods(cells, by_rows, &table);
    if (by_rows)
        fprintf(target->stream, target->width ? "\nby %s:\n\n" : "\n## By %s\n\n",
                cells->report->task->rows.name);
    return put_table(target, &table);
}

static bool put_grid(FILE *stream, const struct report_cells *cells, size_t method) {
    struct table table = {0};
    fill_grid(cells, method, &table);
    fprintf(stream, "\n## `%s`\n\n", cells->report->methods->items[method].label);
    return put_table(&(struct target){stream, 0}, &table);
}

static bool put_all(const struct target *target, const struct report_cells *cells) {
    const struct report *report = cells->report;
    put_title(target, report);
    bool fine = put_methods(target, cells, false);
    if (fine)
        put_notes(target, report);
    if (report->task->mean_of_rows)
        fine = fine && put_methods(target, cells, true);
    return fine;
}

bool report_tables_markdown(const struct report_cells *cells, FILE *stream) {
    bool fine = put_all(&(struct target){stream, 0}, cells);
    if (report_is_grid(cells->report->task))
        for (size_t m = 0; m < cells->report->methods->n; m++)
            fine = fine && put_grid(stream, cells, m);
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

bool report_print(const struct report *report, FILE *stream, size_t width) {
    const struct target target = {stream, width ? width : 1};
    struct report_cells cells;
    bool fine = report_cells_make(&cells, report) && put_all(&target, &cells);
    report_cells_free(&cells);
    return fine;
}
