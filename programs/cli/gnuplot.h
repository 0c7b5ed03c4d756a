/* Pictures drawn by gnuplot, where there is one, and texts in its scripts. */
#ifndef DECIMAMBA_CLI_GNUPLOT_H
#define DECIMAMBA_CLI_GNUPLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Has gnuplot run <name>.gp of the folder, which draws <name>.png and, where `svg` says so, <name>.svg
 * there; those of an earlier call are removed first. Where there is no gnuplot, which is no fault, a
 * line on standard output says so. A fault prints its line with what gnuplot said, and leaves no
 * picture: one that gnuplot gave up, or that did not come whole onto the disk, is removed. */
bool gnuplot_draw(const char *folder, const char *name, bool svg);

/* A string of gnuplot, quoted so that nothing in it means anything to gnuplot, of at most `width`
 * characters, the rest cut off; or, where `wrapped`, on lines of so many. */
void script_write_text(FILE *stream, const char *text, size_t width, bool wrapped);
/* The same of a tick's label on one line, which gnuplot takes for a format: "80%%" shows "80%". */
void script_write_label(FILE *stream, const char *text, size_t width);

#endif
