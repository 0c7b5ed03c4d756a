#include "report_picture.h"

#include <math.h>
#include <stdlib.h>

#include "cli/gnuplot.h"
#include "report_file.h"
#include "report_script.h"
#include "report_table.h"

/* A name as a field of the table. */
static void write_name(FILE *stream, const char *name) {
    for (; *name; name++)
        fputc((unsigned char)*name < ' ' ? '?' : *name, stream);
    fputc('\t', stream);
}

static void write_number(FILE *stream, double number, char after) {
    if (isfinite(number))
        fprintf(stream, "%.9g%c", number, after);
    else
        fprintf(stream, "?%c", after);
}

/* `place`: of the column among those that are drawn. */
static void write_row(const struct report_cells *cells, FILE *stream, size_t method, size_t column,
                      size_t place, size_t row) {
    const struct task *task = cells->report->task;
    const struct report_cell *cell = report_cell(cells, method, column, row);
    bool by_value = task->columns.values && !report_is_grid(task);
    fprintf(stream, "%zu\t", method + 1);
    write_name(stream, cells->report->methods->items[method].label);
    write_name(stream, column < task->columns.n ? task->columns.names[column] : "all");
    write_number(stream, by_value ? task->columns.values[column] : (double)place, '\t');
    write_name(stream, row < task->rows.n ? task->rows.names[row] : "all");
    fprintf(stream, "%zu\t%zu\t", row, cell->n);
    write_number(stream, cell->sum, '\t');
    write_number(stream, report_shown(task, cell->mean), '\t');
    write_number(stream, report_shown(task, cell->interval.low), '\t');
    write_number(stream, report_shown(task, cell->interval.high), '\n');
}

static bool fill_table(const struct report_cells *cells, FILE *stream) {
    const struct task *task = cells->report->task;
    size_t *order = report_column_order(task), n_column = task->columns.n;
    if (!order)
        return false;
    bool grid = report_is_grid(task), totalled = !task->columns.values && n_column > 1;
    fputs("method\tname\tcolumn\tx\trow\ty\tn\tsum\tfigure\tlow\thigh\n", stream);
    for (size_t m = 0; m < cells->report->methods->n; m++)
        for (size_t i = 0; i < n_column + totalled; i++) {
            size_t column = i < n_column ? order[i] : n_column;
            for (size_t r = grid ? 0 : task->rows.n; r < task->rows.n + !grid; r++)
                write_row(cells, stream, m, column, i, r);
        }
    free(order);
    return true;
}

bool report_picture(const struct report_cells *cells) {
    const struct report *report = cells->report;
    const char *name = report->task->name;
    return report_file_write(cells, name, ".tsv", fill_table) &&
           report_file_write(cells, name, ".gp", report_script_fill) &&
           gnuplot_draw(report->journal.folder.path, name, true);
}
