/* What gnuplot is told to draw of a report, and from which numbers. */
#ifndef DECIMAMBA_EVALUATE_REPORT_SCRIPT_H
#define DECIMAMBA_EVALUATE_REPORT_SCRIPT_H

#include "report_cells.h"

/* The script: it draws TASK.png and TASK.svg from TASK.tsv, all in the folder that it is given. */
bool report_script_fill(const struct report_cells *cells, FILE *stream);

/* Places of the columns, allocated: in the order of their values where they are numbers. NULL after
 * printing that memory is short. */
size_t *report_column_order(const struct task *task);

/* What a vertical axis of figures says (also as y_label), and its range and scale. */
void script_figure_axis(const struct report_cells *cells, FILE *stream);
/* What stands at a column's tick: "128K" for 131072 where that is short, and told apart from the
 * other columns' labels. */
enum { tick_size = 40 };
void script_tick(const struct task_axis *axis, size_t i, char text[tick_size]);

#endif
