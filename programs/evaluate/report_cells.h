/* The figures of a report's tables: a method's outcomes, gathered by column and row. */
#ifndef DECIMAMBA_EVALUATE_REPORT_CELLS_H
#define DECIMAMBA_EVALUATE_REPORT_CELLS_H

#include "interval.h"
#include "report.h"

/* Scores as tasks give them: 0 or 1, 0 .. 1, nats per token. */
struct report_cell {
    size_t n;                 /* outcomes */
    double sum, mean;         /* the latter NAN where there are none */
    struct interval interval; /* of the mean, within what a score can be; NAN where there is none */
};

struct report_cells {
    const struct report *report;
    struct report_cell *items; /* allocated */
};

/* Gathers what is known so far. */
bool report_cells_make(struct report_cells *cells, const struct report *report);
/* `column` may be columns.n, `row` rows.n: all of them. Where the task's figures are means of rows,
 * those of all rows are means of the rows' means. */
const struct report_cell *report_cell(const struct report_cells *cells, size_t method,
                                      size_t column, size_t row);
/* A score as pictures show it: of 100, or as a perplexity. */
double report_shown(const struct task *task, double score);
/* What the figures are, as scripts that draw them call it: "right", "score" or "loss". */
const char *report_measure(const struct task *task);
/* Places of the columns, allocated: in the order of their values where they are numbers. NULL after
 * printing that memory is short. */
size_t *report_column_order(const struct task *task);
void report_cells_free(struct report_cells *cells);

#endif
