#include "report_table.h"

#include <math.h>
#include <string.h>

#include "cli/sheet.h"

/* Where tables go. */
struct target {
    FILE *stream;
    size_t width; /* 0: Markdown */
};

bool report_is_grid(const struct task *task) {
    return task->measure == TASK_RIGHT && task->columns.values && task->rows.values &&
           task->rows.n > 1;
}

bool report_is_trained(const struct report *report, size_t column) {
    const double *values = report->task->columns.values;
    return report->trained && values && values[column] == (double)report->trained;
}

const char *report_figures(const struct task *task) {
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

static void fill_cell(const struct report_cell *cell, enum task_measure measure,
                      struct sheet_cell *shown) {
    char low[20], high[20];
    bool known = !isnan(cell->interval.low);
    snprintf(shown->figure, sizeof shown->figure, "-");
    if (!cell->n)
        return;
    switch (measure) {
    case TASK_RIGHT:
        snprintf(shown->figure, sizeof shown->figure, "%.0f/%zu", cell->sum, cell->n);
        snprintf(shown->note, sizeof shown->note, "%.0f-%.0f%%", 100 * cell->interval.low,
                 100 * cell->interval.high);
        break;
    case TASK_SCORE:
        snprintf(shown->figure, sizeof shown->figure, "%.1f", 100 * cell->mean);
        if (known) /* on the side where no bound of scores cut it */
            snprintf(shown->figure, sizeof shown->figure, "%.1f \u00b1%.1f", 100 * cell->mean,
                     100 * fmax(cell->mean - cell->interval.low, cell->interval.high - cell->mean));
        break;
    case TASK_LOSS:
        write_perplexity(shown->figure, sizeof shown->figure, cell->mean);
        write_perplexity(low, sizeof low, cell->interval.low);
        write_perplexity(high, sizeof high, cell->interval.high);
        if (known)
            snprintf(shown->note, sizeof shown->note, "%s-%s", low, high);
    }
}

/* How many outcomes the methods' cells have: "20", or "18-20" where they differ. */
static void fill_count(const struct report_cells *cells, size_t column, size_t row,
                       struct sheet_cell *shown) {
    size_t least = SIZE_MAX, most = 0;
    for (size_t m = 0; m < cells->report->methods->n; m++) {
        size_t n = report_cell(cells, m, column, row)->n;
        least = n < least ? n : least;
        most = n > most ? n : most;
    }
    int n = snprintf(shown->figure, sizeof shown->figure, "%zu", least);
    if (most > least)
        snprintf(shown->figure + n, sizeof shown->figure - (size_t)n, "-%zu", most);
}

/* Methods by one side of the table; where figures are no counts, a row tells of how many outcomes
 * they are. */
static bool make_methods(struct sheet *sheet, const struct report_cells *cells, bool by_rows) {
    const struct report *report = cells->report;
    const struct task *task = report->task;
    const struct task_axis *axis = by_rows ? &task->rows : &task->columns;
    size_t n_method = report->methods->n, n_column = axis->n > 1 ? axis->n + 1 : 1;
    bool counted = task->measure != TASK_RIGHT;
    if (!sheet_make(sheet, "method", n_method + counted, n_column))
        return false;
    for (size_t m = 0; m < n_method; m++)
        sheet->rows[m] = report->methods->items[m].label;
    if (counted)
        sheet->rows[n_method] = "n";
    for (size_t i = 0; i < n_column; i++) {
        size_t column = by_rows ? task->columns.n : i, row = by_rows ? i : task->rows.n;
        sheet->columns[i] = i < axis->n ? axis->names[i] : "all";
        sheet->marked[i] = !by_rows && i < axis->n && report_is_trained(report, i);
        for (size_t m = 0; m < n_method; m++)
            fill_cell(report_cell(cells, m, column, row), task->measure, sheet_at(sheet, m, i));
        if (counted)
            fill_count(cells, column, row, sheet_at(sheet, n_method, i));
    }
    return true;
}

/* One method's rows by columns: counts alone. */
static bool make_grid(struct sheet *sheet, const struct report_cells *cells, size_t method) {
    const struct report *report = cells->report;
    const struct task *task = report->task;
    if (!sheet_make(sheet, task->rows.name, task->rows.n, task->columns.n))
        return false;
    for (size_t r = 0; r < task->rows.n; r++)
        sheet->rows[r] = task->rows.names[r];
    for (size_t c = 0; c < task->columns.n; c++) {
        sheet->columns[c] = task->columns.names[c];
        sheet->marked[c] = report_is_trained(report, c);
        for (size_t r = 0; r < task->rows.n; r++) {
            struct sheet_cell *shown = sheet_at(sheet, r, c);
            fill_cell(report_cell(cells, method, c, r), TASK_RIGHT, shown);
            *shown->note = 0;
        }
    }
    return true;
}

static void put_sheet(const struct target *target, const struct sheet *sheet) {
    if (target->width)
        sheet_print(sheet, target->stream, target->width);
    else
        sheet_print_markdown(sheet, target->stream);
}

static void put_title(const struct target *target, const struct report *report) {
    const struct task *task = report->task;
    const char *format = target->width ? "%s by %s, %s: %s\n\n" : "# %s by %s, `%s`\n\n%s:\n\n";
    fprintf(target->stream, format, task->name, task->columns.name, report->model,
            report_figures(task));
}

static void put_notes(const struct target *target, const struct report *report) {
    const struct task *task = report->task;
    const char *mark = target->width ? "*" : "\\*";
    for (size_t c = 0; c < task->columns.n; c++)
        if (report_is_trained(report, c)) {
            fprintf(target->stream, "\n%s: the model was trained with so many %s\n", mark,
                    task->columns.name);
            break;
        }
    if (task->mean_of_rows)
        fprintf(target->stream, "\nFigures over several %ss are the mean of theirs.\n",
                task->rows.name);
}

static bool put_methods(const struct target *target, const struct report_cells *cells,
                        bool by_rows) {
    struct sheet sheet;
    bool fine = make_methods(&sheet, cells, by_rows);
    if (fine && by_rows)
        fprintf(target->stream, target->width ? "\nby %s:\n\n" : "\n## By %s\n\n",
                cells->report->task->rows.name);
    if (fine)
        put_sheet(target, &sheet);
    sheet_free(&sheet);
    return fine;
}

static bool put_grid(FILE *stream, const struct report_cells *cells, size_t method) {
    struct sheet sheet;
    bool fine = make_grid(&sheet, cells, method);
    if (fine) {
        fprintf(stream, "\n## `%s`\n\n", cells->report->methods->items[method].label);
        sheet_print_markdown(&sheet, stream);
    }
    sheet_free(&sheet);
    return fine;
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

bool report_tables_print(const struct report_cells *cells, FILE *stream, size_t width) {
    return put_all(&(struct target){stream, width ? width : 1}, cells);
}

bool report_tables_markdown(const struct report_cells *cells, FILE *stream) {
    bool fine = put_all(&(struct target){stream, 0}, cells);
    if (report_is_grid(cells->report->task))
        for (size_t m = 0; m < cells->report->methods->n; m++)
            fine = fine && put_grid(stream, cells, m);
    return fine;
}

bool report_print(const struct report *report, FILE *stream, size_t width) {
    struct report_cells cells;
    bool fine = report_cells_make(&cells, report) && report_tables_print(&cells, stream, width);
    report_cells_free(&cells);
    return fine;
}
