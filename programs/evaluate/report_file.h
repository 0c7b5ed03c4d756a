/* The files of a report beside its journal, written whole or not at all. */
#ifndef DECIMAMBA_EVALUATE_REPORT_FILE_H
#define DECIMAMBA_EVALUATE_REPORT_FILE_H

#include "report_cells.h"

/* Writes what `fill` writes to its stream to DIR/<name><ending>; false of it: a fault whose line it
 * printed. */
typedef bool report_fill_function(const struct report_cells *cells, FILE *stream);
bool report_file_write(const struct report_cells *cells, const char *name, const char *ending,
                       report_fill_function *fill);

#endif
