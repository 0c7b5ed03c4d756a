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

/* The cells of each report of a group. */
struct report_tables {
    const struct report_group *group;
    struct report_cells *cells; /* [group->n] */
};
/* Faults print their line; freed either way. */
bool report_tables_make(struct report_tables *tables, const struct report_group *group);
void report_tables_free(struct report_tables *tables);
bool report_tables_markdown(const struct report_tables *tables, FILE *stream);

#endif
