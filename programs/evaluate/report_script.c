#include "report_script.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/fail.h"
#include "cli/gnuplot.h"
#include "cli/sheet.h"
#include "report_table.h"

/* Columns of the table: method, name, column, x, row, y, n, sum, figure, low, high. */

/* Okabe and Ito's colours, told apart by all kinds of eyes, without the yellow that white hides; the
 * points and dashes differ as well. */
static const char *const colours[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                      "#e69f00", "#56b4e9", "#000000"};
static const int points[] = {7, 5, 9, 13, 11, 4, 6, 8};
enum { n_colour = sizeof colours / sizeof *colours, n_point = sizeof points / sizeof *points };

/* "128K" for 131072 and "10K" for 10000; else the name. */
static void shorten(const struct task_axis *axis, size_t i, char text[tick_size]) {
    double value = axis->values ? axis->values[i] : 0;
    bool binary = value >= 1024 && fmod(value, 1024) == 0;
    double thousands = binary ? value / 1024 : value / 1000;
    if (value < 1000)
        snprintf(text, tick_size, "%.*s", tick_size - 1, axis->names[i]);
    else
        snprintf(text, tick_size, "%.10gK", round(10 * thousands) / 10);
}

void script_tick(const struct task_axis *axis, size_t i, char text[tick_size]) {
    char other[tick_size];
    shorten(axis, i, text);
    for (size_t j = 0; j < axis->n; j++) {
        shorten(axis, j, other);
        if (axis->values && axis->values[j] != axis->values[i] && !strcmp(other, text))
            snprintf(text, tick_size, "%.*s", tick_size - 1, axis->names[i]);
    }
}

size_t *report_column_order(const struct task *task) {
    size_t n = task->columns.n, *order = calloc(n, sizeof *order);
    const double *values = task->columns.values;
    if (!order)
        fail_memory();
    for (size_t i = 0; order && i < n; i++) {
        size_t place = i;
        for (; values && place && values[order[place - 1]] > values[i]; place--)
            order[place] = order[place - 1];
        order[place] = i;
    }
    return order;
}

static void write_head(const struct report *report, FILE *stream) {
    const char *task = report->task->name;
    fprintf(stream,
            "# gnuplot -c %s.gp [FOLDER]\n"
            "if (!exists(\"ARG1\") || strlen(ARG1) == 0) ARG1 = '.'\n"
            "table = ARG1.'/%s.tsv'\n"
            "set datafile separator tab\n"
            "set datafile missing '?'\n"
            "model = ",
            task, task);
    script_write_text(stream, report->model, 70, false);
    fprintf(stream, "\nn_method = %zu\narray method[n_method]\n", report->methods->n);
}

static void write_names(const struct report *report, FILE *stream, size_t width, bool wrapped) {
    for (size_t m = 0; m < report->methods->n; m++) {
        fprintf(stream, "method[%zu] = ", m + 1);
        script_write_text(stream, report->methods->items[m].label, width, wrapped);
        fputc('\n', stream);
    }
}

/* Opens the block that draws each kind of picture, of gnuplot's `width` and `height`. */
static void write_opening(const struct report *report, FILE *stream) {
    fprintf(stream,
            "do for [kind in \"png svg\"] {\n"
            "if (kind eq 'png') {\n"
            "    set terminal pngcairo noenhanced size width,height font 'sans,12' "
            "background '#ffffff'\n"
            "} else {\n"
            "    set terminal svg noenhanced size width,height dynamic font 'sans,15' "
            "background '#ffffff'\n"
            "}\n"
            "set output ARG1.'/%s.'.kind\n",
            report->task->name);
}

static void write_closing(FILE *stream) {
    fputs("unset output\n}\n", stream);
}

static void write_ticks(FILE *stream, const char *name, const struct task_axis *axis,
                        const size_t *order, const double *places) {
    fprintf(stream, "set %s (", name);
    for (size_t i = 0; i < axis->n; i++) {
        char text[tick_size];
        size_t place = order ? order[i] : i;
        script_tick(axis, place, text);
        fputs(i ? ", " : "", stream);
        script_write_label(stream, text, tick_size);
        fprintf(stream, " %.10g", places ? places[place] : (double)i);
    }
    fputs(")\n", stream);
}

static void write_axis_label(const struct report *report, FILE *stream) {
    char text[200];
    int n = snprintf(text, sizeof text, "%s", report->task->columns.name);
    if (report->trained && report->task->columns.values)
        snprintf(text + n, sizeof text - (size_t)n, "   (dashed line: trained with %zu)",
                 report->trained);
    script_write_text(stream, text, sizeof text, false);
}

/* Lines that the longest name takes, wrapped. */
static size_t count_lines(const struct method_list *methods, size_t width) {
    size_t most = 1;
    for (size_t m = 0; m < methods->n; m++) {
        const char *name = methods->items[m].label;
        size_t n_line = 0;
        for (; *name; n_line++)
            name += sheet_line_length(name, width);
        most = n_line > most ? n_line : most;
    }
    return most;
}

/* In any one cell. */
static size_t most_outcomes(const struct report_cells *cells) {
    const struct task *task = cells->report->task;
    size_t most = 0;
    for (size_t m = 0; m < cells->report->methods->n; m++)
        for (size_t c = 0; c < task->columns.n; c++)
            for (size_t r = 0; r < task->rows.n; r++) {
                size_t n = report_cell(cells, m, c, r)->n;
                most = n > most ? n : most;
            }
    return most;
}

/* Pixels that rows' labels take beyond four characters. */
static size_t extra_width(const struct task_axis *rows) {
    char text[tick_size];
    size_t longest = 4;
    for (size_t r = 0; r < rows->n; r++) {
        script_tick(rows, r, text);
        longest = strlen(text) > longest ? strlen(text) : longest;
    }
    return 8 * (longest - 4);
}

/* Sizes in pixels, as gnuplot's variables. */
static void write_layout(const struct report_cells *cells, FILE *stream) {
    const struct report *report = cells->report;
    const struct task *task = report->task;
    size_t n_panel = report->methods->n, n_across = 1, cell_width = 58;
    for (size_t n = 100; n <= most_outcomes(cells); n *= 10)
        cell_width += 18; /* a digit more on both sides of "20/20" */
    size_t width = task->columns.n * cell_width, height = task->rows.n * 44;
    width = width < 340 ? 340 : width;
    height = height < 170 ? 170 : height;
    size_t extra = extra_width(&task->rows), between = 70 + extra;
    while (n_across * n_across < n_panel && (n_across + 1) * (width + between) < 1600)
        n_across++;
    size_t n_down = (n_panel + n_across - 1) / n_across, name_width = width / 9;
    size_t title = 20 * count_lines(report->methods, name_width) + 15;
    fprintf(stream,
            "n_across = %zu\nn_down = %zu\n"
            "panel_width = %zu\npanel_height = %zu\n"
            "left = %zu; right = 115; top = %zu; bottom = 75; between = %zu; below = %zu\n"
            "width = left + n_across * (panel_width + between) - between + right\n"
            "height = top + n_down * (panel_height + below) - below + bottom\n",
            n_across, n_down, width, height, 90 + extra, 40 + title, between, 45 + title);
    write_names(report, stream, name_width, true);
}

/* Where the columns end that the model was trained on. */
static void write_trained_edge(const struct report *report, FILE *stream) {
    double edge = -0.5;
    for (size_t i = 0; i < report->task->columns.n; i++)
        edge += report->task->columns.values[i] <= (double)report->trained;
    fprintf(stream,
            "set arrow from %g, graph 0 to %g, graph 1 nohead front dt 2 lw 2 lc rgb '#000000'\n",
            edge, edge);
}

/* A panel for each method: colours from orange (none right) to blue (all). */
static void write_grid(const struct report_cells *cells, FILE *stream, const size_t *order) {
    const struct report *report = cells->report;
    const struct task *task = report->task;
    write_layout(cells, stream);
    fprintf(stream, "set xrange [-0.5:%g]\nset yrange [%g:-0.5]\n", (double)task->columns.n - 0.5,
            (double)task->rows.n - 0.5);
    write_ticks(stream, "xtics", &task->columns, order, NULL);
    write_ticks(stream, "ytics", &task->rows, NULL, NULL);
    if (report->trained)
        write_trained_edge(report, stream);
    fputs("columns = ", stream);
    write_axis_label(report, stream);
    fprintf(stream, "\nrows = '%s'\n", task->rows.name);
    fputs("set palette defined (0 '#d55e00', 25 '#f0b48a', 50 '#f2f2f2', 75 '#8fbedd', "
          "100 '#0072b2')\n"
          "set cbrange [0:100]\n"
          "set cbtics 25 format '%g%%'\n"
          "set style fill solid 1\n"
          "set tics scale 0\n"
          "unset key\n",
          stream);
    write_opening(report, stream);
    fprintf(stream,
            "set multiplot layout n_down,n_across title '%s: '.model.', right answers' \\\n",
            task->name);
    fputs("    margins screen 1.0 * left / width, 1 - 1.0 * right / width, \\\n"
          "        1.0 * bottom / height, 1 - 1.0 * top / height \\\n"
          "    spacing screen 1.0 * between / width, 1.0 * below / height\n"
          "set colorbox user origin screen 1 - (right - 20.0) / width, 1.0 * bottom / height \\\n"
          "    size screen 20.0 / width, 1 - 1.0 * (top + bottom) / height\n"
          "do for [m = 1:n_method] {\n"
          "row_label = (m - 1) % n_across == 0 ? rows : ''\n"
          "column_label = m + n_across > n_method ? columns : ''\n"
          "set title method[m]\n"
          "set ylabel row_label\n"
          "set xlabel column_label\n"
          "plot table every ::1 using ($1 == m ? $4 : NaN):6:(0.48):(0.47):9 with boxxyerror "
          "fc palette, \\\n"
          "     table every ::1 using ($1 == m && $9 <= 90 ? $4 : NaN):6:"
          "(sprintf('%d/%d', $8, $7)) with labels tc rgb '#000000', \\\n"
          "     table every ::1 using ($1 == m && $9 > 90 ? $4 : NaN):6:"
          "(sprintf('%d/%d', $8, $7)) with labels tc rgb '#ffffff'\n"
          "unset colorbox\n"
          "}\n"
          "unset multiplot\n",
          stream);
    write_closing(stream);
}

/* What lines and bars have in common. */
static void write_styles(const struct report *report, FILE *stream) {
    write_names(report, stream, 100, false);
    fputs("width = 1100\nheight = 570 + 22 * n_method\n", stream);
    for (size_t m = 0; m < report->methods->n; m++)
        fprintf(stream, "set style line %zu lc rgb '%s' pt %d ps 1.2 lw 2 dt %zu\n", m + 1,
                colours[m % n_colour], points[m % n_point], m % 5 + 1);
    fputs("set key bmargin center vertical maxcols 1 Left reverse samplen 4\n"
          "set grid ytics lt 1 lc rgb '#d9d9d9' lw 1\n"
          "set border 3 lc rgb '#666666'\n"
          "set tics nomirror out\n"
          "set errorbars 1\n",
          stream);
}

void script_figure_axis(const struct report_cells *cells, FILE *stream) {
    static const char *const names[] = {[TASK_RIGHT] = "right answers (%)",
                                        [TASK_SCORE] = "mean score (of 100)",
                                        [TASK_LOSS] = "perplexity"};
    const struct report *report = cells->report;
    const struct task *task = report->task;
    double least = INFINITY, most = -INFINITY;
    for (size_t m = 0; m < report->methods->n; m++)
        for (size_t c = 0; c < task->columns.n; c++) {
            least = fmin(least, report_cell(cells, m, c, task->rows.n)->mean);
            most = fmax(most, report_cell(cells, m, c, task->rows.n)->mean);
        }
    if (task->measure == TASK_RIGHT)
        fputs("set yrange [0:104]\n", stream);
    else if (task->measure == TASK_SCORE)
        fputs("set yrange [0:*]\n", stream);
    else if (most - least > log(20))
        fputs("set logscale y\nset format y '%g'\n", stream);
    fprintf(stream, "y_label = '%s, 95%% interval'\nset ylabel y_label\n", names[task->measure]);
}

static void write_lines(const struct report_cells *cells, FILE *stream, const size_t *order) {
    const struct report *report = cells->report;
    const struct task_axis *axis = &report->task->columns;
    double least = axis->values[order[0]], most = axis->values[order[axis->n - 1]];
    double trained = (double)report->trained;
    write_styles(report, stream);
    script_figure_axis(cells, stream);
    if (report->trained) {
        least = fmin(least, trained);
        most = fmax(most, trained);
        fprintf(stream,
                "set arrow from %.10g, graph 0 to %.10g, graph 1 nohead back dt 2 lw 1.5 lc "
                "rgb '#666666'\n",
                trained, trained);
    }
    bool logarithmic = least > 0;
    double margin = logarithmic ? pow(most / least, 0.04) * 1.02 : (most - least) / 20 + 1;
    fprintf(
        stream,
        logarithmic ? "set logscale x\nset xrange [%.10g:%.10g]\n" : "set xrange [%.10g:%.10g]\n",
        logarithmic ? least / margin : least - margin, logarithmic ? most * margin : most + margin);
    write_ticks(stream, "xtics", axis, order, axis->values);
    fputs("set xlabel ", stream);
    write_axis_label(report, stream);
    /* neighbours' intervals stand a little apart */
    fprintf(stream, ".\"\\n\"\nset title '%s: '.model\n", report->task->name);
    fprintf(stream, "beside(x, m) = x %s (m - (n_method + 1) / 2.0)\n",
            logarithmic ? "* 1.01 **" : "+");
    write_opening(report, stream);
    fputs("plot for [m = 1:n_method] table every ::1 using "
          "($1 == m ? beside($4, m) : NaN):9:10:11 with yerrorbars ls m dt 1 lw 1.2 notitle, \\\n"
          "     for [m = 1:n_method] table every ::1 using "
          "($1 == m ? beside($4, m) : NaN):9 with linespoints ls m title method[m]\n",
          stream);
    write_closing(stream);
}

static void write_bars(const struct report_cells *cells, FILE *stream, const size_t *order) {
    const struct report *report = cells->report;
    const struct task_axis *axis = &report->task->columns;
    bool totalled = axis->n > 1; /* the group of all columns */
    write_styles(report, stream);
    script_figure_axis(cells, stream);
    write_ticks(stream, "xtics", axis, order, NULL);
    if (totalled)
        fprintf(stream, "set xtics add ('all' %zu)\n", axis->n);
    fprintf(stream, "set xrange [-0.6:%g]\n", (double)(axis->n + totalled) - 0.4);
    fputs("set xlabel ", stream);
    write_axis_label(report, stream);
    fprintf(stream, ".\"\\n\"\nset title '%s: '.model\n", report->task->name);
    fputs("set style fill solid 0.85 border lc rgb '#ffffff'\n"
          "bar = 0.8 / n_method\n"
          "place(x, m) = x + (m - (n_method + 1) / 2.0) * bar\n",
          stream);
    write_opening(report, stream);
    fputs("plot for [m = 1:n_method] table every ::1 using "
          "($1 == m ? place($4, m) : NaN):9:(bar) with boxes ls m dt 1 lw 1 title method[m], \\\n"
          "     for [m = 1:n_method] table every ::1 using "
          "($1 == m ? place($4, m) : NaN):10:(0):($11 - $10) with vectors heads "
          "size graph 0.006,90 lw 1.3 lc rgb '#333333' notitle\n",
          stream);
    write_closing(stream);
}

bool report_script_fill(const struct report_cells *cells, FILE *stream) {
    const struct task *task = cells->report->task;
    size_t *order = report_column_order(task);
    if (!order)
        return false;
    write_head(cells->report, stream);
    if (report_is_grid(task))
        write_grid(cells, stream, order);
    else if (task->columns.values)
        write_lines(cells, stream, order);
    else
        write_bars(cells, stream, order);
    free(order);
    return true;
}
