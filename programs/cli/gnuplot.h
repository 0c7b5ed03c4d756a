/* Figures, drawn by gnuplot, where there is one, from tables by the fixed scripts of share/plots/. */
#ifndef DECIMAMBA_CLI_GNUPLOT_H
#define DECIMAMBA_CLI_GNUPLOT_H

#include <stdbool.h>

enum { max_setting = 12 };

struct figure_setting {
    const char *name; /* of gnuplot's variable */
    const char *text; /* control characters show as '?'; NULL: it is the number */
    double number;
    bool lines; /* ends of lines in the text stay */
};

struct figure {
    const char *script; /* "distance": share/plots/distance.gp */
    const char *folder; /* where the table and its pictures are */
    const char *name;   /* draws <name>.png and, unless png_only, <name>.svg, from <table>.tsv */
    const char *table;  /* NULL: as `name` */
    bool png_only;
    /* what the table does not say; a name that is NULL ends them */
    struct figure_setting settings[max_setting + 1];
};

/* Draws a figure; pictures of an earlier call are removed first. Where there is no gnuplot, or the
 * script is not installed, which is no fault, a line on standard output says so. A fault prints its
 * line with what gnuplot said, and leaves no picture: one that gnuplot gave up, or that did not come
 * whole onto the disk, is removed. */
bool figure_draw(const struct figure *figure);

#endif
