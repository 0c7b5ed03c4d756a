/* Pictures drawn by gnuplot, where there is one. */
#ifndef DECIMAMBA_PROGRAMS_GNUPLOT_H
#define DECIMAMBA_PROGRAMS_GNUPLOT_H

#include <stdbool.h>

/* Has gnuplot run the script with the folder as its argument. Where it is missing or fails, which is
 * no fault, a line on standard output says that there is no `picture`. A fault prints its line. */
bool gnuplot_draw(const char *script, const char *folder, const char *picture);

#endif
