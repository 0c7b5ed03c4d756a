/* Pictures drawn by gnuplot, where there is one. */
#ifndef DECIMAMBA_PROGRAMS_GNUPLOT_H
#define DECIMAMBA_PROGRAMS_GNUPLOT_H

#include <stdbool.h>

/* Has gnuplot run <name>.gp of the folder, which draws <name>.png and, where `svg` says so, <name>.svg
 * there; those of an earlier call are removed first. Where there is no gnuplot, which is no fault, a
 * line on standard output says so. A fault prints its line with what gnuplot said, and leaves no
 * picture: one that gnuplot gave up, or that did not come whole onto the disk, is removed. */
bool gnuplot_draw(const char *folder, const char *name, bool svg);

#endif
