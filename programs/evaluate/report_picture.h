/* The picture of a report, drawn by gnuplot: TASK.png and TASK.svg from TASK.tsv by TASK.gp.
 *
 *     counts over two sides of numbers   a panel for each method, a coloured cell for each count
 *     columns of numbers                 a line for each method, over the logarithm of the numbers
 *     other columns                      groups of bars, a bar for each method */
#ifndef DECIMAMBA_EVALUATE_REPORT_PICTURE_H
#define DECIMAMBA_EVALUATE_REPORT_PICTURE_H

#include "report_cells.h"

/* Writes them all beside the journal (gnuplot.h). */
bool report_picture(const struct report_cells *cells);

#endif
