#include "report_cells.h"

#include <math.h>
#include <stdlib.h>

#include "cli/fail.h"

static size_t cell_place(const struct report *report, size_t method, size_t column, size_t row) {
    const struct task *task = report->task;
    return (method * (task->columns.n + 1) + column) * (task->rows.n + 1) + row;
}

/* The scores of every cell. */
static void gather(const struct report *report, struct sample *samples) {
    const struct task *task = report->task;
    for (size_t method = 0; method < report->methods->n; method++)
        for (size_t i = 0; i < task->n_prompt; i++) {
            const struct report_outcome *outcome = &report->outcomes[method * task->n_prompt + i];
            size_t column, row;
            if (!outcome->done)
                continue;
            task->cell_of(task, i, &column, &row);
            const size_t columns[] = {column, task->columns.n}, rows[] = {row, task->rows.n};
            for (int j = 0; j < 4; j++)
                sample_add(&samples[cell_place(report, method, columns[j / 2], rows[j % 2])],
                           outcome->score);
        }
}

/* An interval that knows nothing of a score's bounds may reach beyond them. */
static struct interval within(struct interval interval, double least, double most) {
    if (interval.low < least)
        interval.low = least;
    if (interval.high > most)
        interval.high = most;
    return interval;
}

/* `rows`: the samples of a column's rows, then that of all of them. */
static struct report_cell make_cell(const struct task *task, const struct sample *rows,
                                    size_t row) {
    const struct sample *sample = &rows[row];
    struct report_cell cell = {
        .n = sample->n, .sum = sample->sum, .mean = sample->n ? sample->mean : NAN};
    if (task->measure == TASK_RIGHT) {
        cell.interval = interval_of_share((size_t)sample->sum, sample->n);
        return cell;
    }
    if (task->mean_of_rows && row == task->rows.n) {
        cell.mean = mean_of_means(rows, task->rows.n);
        cell.interval = interval_of_means(rows, task->rows.n);
    } else {
        cell.interval = interval_of_mean(sample);
    }
    cell.interval = within(cell.interval, 0, task->measure == TASK_SCORE ? 1 : INFINITY);
    return cell;
}

bool report_cells_make(struct report_cells *cells, const struct report *report) {
    const struct task *task = report->task;
    size_t n, n_row = task->rows.n + 1, n_column = task->columns.n + 1;
    *cells = (struct report_cells){.report = report};
    if (__builtin_mul_overflow(n_row, n_column, &n) ||
        __builtin_mul_overflow(n, report->methods->n, &n))
        return fail_memory();
    struct sample *samples = calloc(n, sizeof *samples);
    cells->items = calloc(n, sizeof *cells->items);
    bool fine = (samples && cells->items) || fail_memory();
    if (fine) {
        gather(report, samples);
        for (size_t i = 0; i < n; i++)
            cells->items[i] = make_cell(task, &samples[i - i % n_row], i % n_row);
    }
    free(samples);
    return fine;
}

const struct report_cell *report_cell(const struct report_cells *cells, size_t method,
                                      size_t column, size_t row) {
    return &cells->items[cell_place(cells->report, method, column, row)];
}

double report_shown(const struct task *task, double score) {
    return task->measure == TASK_LOSS ? exp(score) : 100 * score;
}

const char *report_measure(const struct task *task) {
    static const char *const measures[] = {
        [TASK_RIGHT] = "right", [TASK_SCORE] = "score", [TASK_LOSS] = "loss"};
    return measures[task->measure];
}

size_t *report_column_order(const struct task *task) {
    size_t n = task->columns.n, *order = calloc(n, sizeof *order);
    const double *values = task->columns.values;
    if (!order)
        fail_memory();
    for (size_t i = 0; order && i < n; i++) {
        size_t place = i;
        for (; values && place && values[order[place - 1]] > values[i]; place--)
            order[place] = order[place - 1];
        order[place] = i;
    }
    return order;
}

void report_cells_free(struct report_cells *cells) {
    free(cells->items);
    *cells = (struct report_cells){0};
}
