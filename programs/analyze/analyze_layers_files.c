/* The curve of a sweep: which columns, its best point, and its files. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analyze_input.h"
#include "analyze_layers.h"
#include "cli/fail.h"
#include "evaluate/report_script.h"

const char *curve_column_name(const struct curve *curve, size_t i) {
    const struct task *task = curve->cells->report->task;
    return curve->columns[i] < task->columns.n ? task->columns.names[curve->columns[i]] : "all";
}

bool curve_choose(const struct sweep *sweep, const struct report_cells *cells,
                  struct curve *curve) {
    const struct task *task = cells->report->task;
    size_t n = task->columns.n, *order = report_column_order(task);
    *curve = (struct curve){.sweep = sweep, .cells = cells};
    if (!order)
        return false;
    for (size_t i = 0; i < n && i < list_capacity; i++)
        if (!sweep->column || !strcmp(task->columns.names[order[i]], sweep->column))
            curve->columns[curve->n_column++] = order[i];
    free(order);
    if ((!sweep->column && n > 1) || (sweep->column && !strcmp(sweep->column, "all")))
        curve->columns[curve->n_column++] = n;
    return curve->n_column || fail("--column: there is no column '%.80s'", sweep->column);
}

static const struct report_cell *cell_at(const struct curve *curve, size_t i, size_t method) {
    return report_cell(curve->cells, method, curve->columns[i], curve->cells->report->task->rows.n);
}

/* ---- The best point ---- */

/* Of the last column that is drawn: where there are several, all of them. */
static const struct report_cell *point_cell(const struct curve *curve, size_t point) {
    return cell_at(curve, curve->n_column - 1, curve->sweep->points[point].method);
}

static size_t find_best(const struct curve *curve) {
    size_t best = 0;
    bool least = curve->cells->report->task->measure == TASK_LOSS;
    for (size_t i = 1; i < curve->sweep->n_point; i++) {
        double own = point_cell(curve, i)->mean, other = point_cell(curve, best)->mean;
        if (least ? own < other : own > other)
            best = i;
    }
    return best;
}

/* Other points whose intervals reach that of this one. */
static size_t count_alike(const struct curve *curve, size_t best) {
    struct interval own = point_cell(curve, best)->interval;
    size_t n = 0;
    for (size_t i = 0; i < curve->sweep->n_point; i++) {
        struct interval other = point_cell(curve, i)->interval;
        n += i != best && other.low <= own.high && own.low <= other.high;
    }
    return n;
}

void curve_print(const struct curve *curve) {
    const struct report *report = curve->cells->report;
    size_t best = find_best(curve), n_alike = count_alike(curve, best);
    const struct report_cell *cell = point_cell(curve, best);
    printf("\nbest by '%s': %s: ", curve_column_name(curve, curve->n_column - 1),
           report->methods->items[curve->sweep->points[best].method].label);
    if (report->task->measure == TASK_RIGHT)
        printf("%.0f of %zu right", cell->sum, cell->n);
    else
        printf("%.4g", report_shown(report->task, cell->mean));
    if (n_alike)
        printf("; the interval%s of %zu other%s reach%s its own", n_alike == 1 ? "" : "s", n_alike,
               n_alike == 1 ? "" : "s", n_alike == 1 ? "es" : "");
    putchar('\n');
}

/* ---- Files ---- */

static void write_number(FILE *stream, double number, char after) {
    if (isfinite(number))
        fprintf(stream, "%.9g%c", number, after);
    else
        fprintf(stream, "?%c", after);
}

/* `line`: 1 is the curve, 2 the one beside it, and the horizontal lines follow. */
static void write_row(const struct curve *curve, FILE *stream, size_t i, size_t line, size_t method,
                      double x) {
    const struct report *report = curve->cells->report;
    const struct report_cell *cell = cell_at(curve, i, method);
    fprintf(stream, "%zu\t%s\t%zu\t%s\t", i + 1, curve_column_name(curve, i), line,
            report->methods->items[method].label);
    write_number(stream, x, '\t');
    fprintf(stream, "%zu\t", cell->n);
    write_number(stream, cell->sum, '\t');
    write_number(stream, report_shown(report->task, cell->mean), '\t');
    write_number(stream, report_shown(report->task, cell->interval.low), '\t');
    write_number(stream, report_shown(report->task, cell->interval.high), '\n');
}

static void fill_table(const void *what, FILE *stream) {
    const struct curve *curve = what;
    const struct sweep *sweep = curve->sweep;
    fputs("panel\tcolumn\tline\tmethod\tx\tn\tsum\tfigure\tlow\thigh\n", stream);
    for (size_t i = 0; i < curve->n_column; i++) {
        for (size_t k = 0; k < sweep->n_point; k++)
            write_row(curve, stream, i, 1, sweep->points[k].method, sweep->points[k].x);
        for (size_t k = 0; k < sweep->n_point && sweep->has_other; k++)
            write_row(curve, stream, i, 2, sweep->points[k].other, sweep->points[k].x);
        for (size_t m = 0; m < sweep->n_level; m++)
            write_row(curve, stream, i, 3 + m, m, NAN);
    }
}

static void fill_script(const void *what, FILE *stream) {
    curve_script(what, stream);
}

bool curve_write(const struct curve *curve) {
    const struct report *report = curve->cells->report;
    char name[40], table[48];
    if (!report->journal.path)
        return true;
    snprintf(name, sizeof name, "sweep-%s", curve->sweep->name);
    snprintf(table, sizeof table, "%s.tsv", name);
    return analyze_file(report->journal.folder.path, table, fill_table, curve) &&
           analyze_picture(report->journal.folder.path, name, fill_script, curve);
}
