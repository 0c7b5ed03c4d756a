/* The files of a report beside its journal, written whole or not at all. */
#ifndef DECIMAMBA_PROGRAMS_REPORT_FILE_H
#define DECIMAMBA_PROGRAMS_REPORT_FILE_H

#include "report_cells.h"

/* The path of DIR/<name><ending>; allocated, NULL after printing that memory is short. */
char *report_file_path(const struct report *report, const char *name, const char *ending);

/* Writes what `fill` writes to its stream; false of it: a fault whose line it printed. */
typedef bool report_fill_function(const struct report_cells *cells, FILE *stream);
bool report_file_write(const struct report_cells *cells, const char *path,
                       report_fill_function *fill);

#endif
