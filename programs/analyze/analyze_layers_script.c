/* What gnuplot is told to draw of a sweep: a panel for each column, all on the same scale. */
#include <math.h>

#include "analyze_input.h"
#include "analyze_layers.h"
#include "cli/gnuplot.h"
#include "evaluate/report_script.h"

enum { most_ticks = 12, most_across = 3 };

static void write_texts(const struct curve *curve, FILE *stream) {
    const struct report *report = curve->cells->report;
    const struct sweep *sweep = curve->sweep;
    fputs("model = ", stream);
    script_write_text(stream, report->model, 60, false);
    fprintf(stream, "\narray panel[%zu]\n", curve->n_column);
    for (size_t i = 0; i < curve->n_column; i++) {
        fprintf(stream, "panel[%zu] = ", i + 1);
        if (curve->columns[i] < report->task->columns.n)
            fprintf(stream, "'%s: '.", report->task->columns.name);
        script_write_text(stream, curve_column_name(curve, i), 40, false);
        fputc('\n', stream);
    }
    fprintf(stream, "n_level = %zu\narray level[n_level + 1]\n", sweep->n_level);
    for (size_t m = 0; m < sweep->n_level; m++) {
        fprintf(stream, "level[%zu] = ", m + 1);
        script_write_text(stream, report->methods->items[m].label, 60, false);
        fputc('\n', stream);
    }
    fputs("swept = ", stream);
    script_write_text(stream, report->methods->items[sweep->points[0].method].label, 100, false);
    fputc('\n', stream);
}

static void write_x_axis(const struct sweep *sweep, FILE *stream) {
    double least = INFINITY, most = -INFINITY;
    for (size_t i = 0; i < sweep->n_point; i++) {
        least = fmin(least, sweep->points[i].x);
        most = fmax(most, sweep->points[i].x);
    }
    bool logarithmic = sweep->kind == SWEEP_BASE_LENGTH && least > 0;
    double margin = logarithmic    ? pow(most / least, 0.06) * 1.05
                    : most > least ? (most - least) / 14
                                   : 0.5;
    double left = logarithmic ? least / margin : least - margin;
    double right = logarithmic ? most * margin : most + margin;
    size_t step = (sweep->n_point + most_ticks - 1) / most_ticks;
    fprintf(stream, "%sleft_end = %.10g\nright_end = %.10g\nset xrange [left_end:right_end]\n",
            logarithmic ? "set logscale x\n" : "", left, right);
    fputs("set xtics (", stream);
    for (size_t i = 0; i < sweep->n_point; i += step) {
        fputs(i ? ", " : "", stream);
        script_write_label(stream, sweep->points[i].value, 16);
        fprintf(stream, " %.10g", sweep->points[i].x);
    }
    fputs(")\nx_label = ", stream);
    script_write_text(stream, sweep->label, 80, false);
    fputc('\n', stream);
}

static void write_styles(const struct sweep *sweep, FILE *stream) {
    /* scores have no order: no line joins them */
    fprintf(stream, "curve = '%s'\n", sweep->kind == SWEEP_SCORE ? "points" : "linespoints");
    fputs("set style line 1 lc rgb '#0072b2' pt 7 ps 0.9 lw 2\n"
          "set style line 2 lc rgb '#d55e00' pt 5 ps 0.8 lw 2 dt (9,5)\n"
          "array colour[4] = ['#555555', '#d55e00', '#009e73', '#cc79a7']\n"
          "array dashes[4] = [2, 5, 4, 3]\n"
          "do for [m = 1:n_level] {\n"
          "set style line 2 + m lc rgb colour[(m - 1) % 4 + 1] lw 2 dt dashes[(m - 1) % 4 + 1]\n"
          "}\n"
          "set grid ytics lt 1 lc rgb '#e2e2e2' lw 1\n"
          "set border 3 lc rgb '#666666'\n"
          "set tics nomirror out\n"
          "set errorbars 1\n",
          stream);
}

/* The legend is a last panel of its own, which has no axes. */
static void write_legend(const struct sweep *sweep, FILE *stream) {
    fputs("unset title\nunset xlabel\nunset ylabel\nunset tics\nunset border\nunset grid\n"
          "unset logscale\nset xrange [0:1]\nset yrange [0:1]\n"
          "set lmargin screen 0\nset rmargin screen 1\n"
          "set bmargin screen 0\nset tmargin screen 1.0 * legend / height\n"
          "set key at screen 0.5, screen (legend - 6.0) / height center top vertical maxcols 1 "
          "Left reverse samplen 4\n"
          "plot NaN with @curve ls 1 title swept.', and so on; bars: 95% interval', \\\n",
          stream);
    if (sweep->has_other)
        fputs("     NaN with linespoints ls 2 title 'keep-last, as many tokens', \\\n", stream);
    fputs("     for [m = 1:n_level] NaN with lines ls 2 + m title level[m].', 95% interval "
          "shaded'\n",
          stream);
}

void curve_script(const struct curve *curve, FILE *stream) {
    const struct sweep *sweep = curve->sweep;
    size_t n = curve->n_column, n_across = n < most_across ? n : most_across;
    char name[40];
    snprintf(name, sizeof name, "sweep-%s", sweep->name);
    if (n == 4)
        n_across = 2;
    analyze_script_head(name, stream);
    write_texts(curve, stream);
    fprintf(stream,
            "table = ARG1.'/%s.tsv'\nset datafile separator tab\nset datafile missing '?'\n"
            "n_panel = %zu\nn_across = %zu\nn_down = %zu\n"
            "panel_width = %d; panel_height = 250; left = 85; between = 60; below = 75; top = 85\n"
            "legend = %zu\n"
            "width = left + n_across * (panel_width + between)\n"
            "height = top + n_down * (panel_height + below) + 15 + legend\n",
            name, n, n_across, (n + n_across - 1) / n_across, n == 1 ? 760 : 400,
            24 * (1 + sweep->has_other + sweep->n_level) + 20);
    write_x_axis(sweep, stream);
    script_figure_axis(curve->cells, stream);
    write_styles(sweep, stream);
    analyze_script_open(name, stream);
    fprintf(stream,
            "set multiplot\nset key off\n"
            "set label 1 '%s: '.model at screen 85.0 / width, screen 1 - 26.0 / height "
            "font title_font\n",
            curve->cells->report->task->name);
    fputs("do for [p = 1:n_panel] {\n"
          "across = (p - 1) % n_across; down = (p - 1) / n_across\n"
          "set lmargin screen (left + across * (panel_width + between)) / (1.0 * width)\n"
          "set rmargin screen (left + across * (panel_width + between) + panel_width) "
          "/ (1.0 * width)\n"
          "set tmargin screen 1 - (top + down * (panel_height + below)) / (1.0 * height)\n"
          "set bmargin screen 1 - (top + down * (panel_height + below) + panel_height) "
          "/ (1.0 * height)\n"
          "set title panel[p] offset 0,-0.4\n"
          "this_x_label = p + n_across > n_panel ? x_label : ''\n"
          "this_y_label = across == 0 ? y_label : ''\n"
          "set xlabel this_x_label\n"
          "set ylabel this_y_label\n"
          "plot for [m = 1:n_level] table every ::1 using "
          "($1 == p && $3 == 2 + m ? right_end : NaN):8:(left_end):(right_end):9:10 "
          "with boxxyerror fs transparent solid 0.10 noborder fc rgb colour[(m - 1) % 4 + 1], \\\n"
          "     for [m = 1:n_level] table every ::1 using "
          "($1 == p && $3 == 2 + m ? left_end : NaN):8:(right_end - left_end):(0) "
          "with vectors nohead ls 2 + m, \\\n"
          "     for [l = 1:2] table every ::1 using "
          "($1 == p && $3 == l ? $5 : NaN):8:9:10 with yerrorbars ls l dt 1 lw 1.2, \\\n"
          "     for [l = 1:2] table every ::1 using "
          "($1 == p && $3 == l ? $5 : NaN):8 with @curve ls l\n"
          "unset label 1\n"
          "}\n",
          stream);
    write_legend(sweep, stream);
    fputs("unset multiplot\nunset output\n}\n", stream);
}
