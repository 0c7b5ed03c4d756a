/* The tables of a report: methods by columns; methods by rows, where these are what figures are
 * means of; and, in Markdown, each method's rows by columns where both are numbers. */
#ifndef DECIMAMBA_EVALUATE_REPORT_TABLE_H
#define DECIMAMBA_EVALUATE_REPORT_TABLE_H

#include "cli/table.h"
#include "report_cells.h"

/* Whether the outcomes are counts over two sides of numbers, such as depth and length. */
bool report_is_grid(const struct task *task);

/* What tables that are drawn say of a cell: n, sum, figure, low, high. */
void report_add_figures(struct table *table);
void report_put_figures(struct table *table, const struct task *task,
                        const struct report_cell *cell);

/* A fault prints its line. */
bool report_tables_markdown(const struct report_cells *cells, FILE *stream);

#endif
