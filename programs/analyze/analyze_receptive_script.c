/* What gnuplot is told to draw of receptive fields. */
#include <math.h>

#include "analyze_receptive.h"
#include "cli/gnuplot.h"

static void write_texts(const struct receptive *receptive, FILE *stream) {
    char reading[reading_size], text[2 * reading_size];
    analyze_reading(&receptive->input->method, reading);
    fputs("model = ", stream);
    script_write_text(stream, receptive->input->directory, 60, false);
    fputs("\ntext = ", stream);
    script_write_text(stream, receptive->input->text, 40, false);
    if (receptive->n_prediction == 1)
        snprintf(text, sizeof text, "%s; gradient of the last token's loss", reading);
    else
        snprintf(text, sizeof text, "%s; gradient of the loss of the last %zu tokens", reading,
                 receptive->n_prediction);
    fputs("\nreading = ", stream);
    script_write_text(stream, text, 110, false);
    fputc('\n', stream);
}

/* The left side: weight by distance, a line for each length. */
static void write_profiles(const struct receptive *receptive, FILE *stream) {
    double last = (double)receptive->rows[receptive->n_length - 1].length;
    fprintf(stream,
            "set lmargin at screen 0.07\nset rmargin at screen 0.485\n"
            "set title 'Weight of a token by its distance'\n"
            "set xlabel 'tokens back (1: the last token that predicts)'\n"
            "set ylabel \"share of all weight, per token\" offset 0.5,0\n"
            "set logscale xy\nset xrange [0.9:%.10g]\nset yrange [*:*]\n"
            "set format x '%%.0f'\nset format y '1e%%T'\n"
            "set xtics autofreq\nset key bottom left Left reverse samplen 2 maxrows 8\n",
            last * 1.1);
    if (receptive->trained)
        fprintf(stream,
                "set arrow 1 from %zu, graph 0 to %zu, graph 1 nohead back dt 2 lc rgb '#666666'\n"
                "set label 3 'trained with %zu' at %zu, graph 0.97 right offset -0.7,0 tc rgb "
                "'#444444'\n",
                receptive->trained, receptive->trained, receptive->trained, receptive->trained);
    fputs("plot ", stream);
    for (size_t k = 0; k < receptive->n_length; k++)
        fprintf(stream,
                "%sprofile every ::1 using ($1 == %zu ? sqrt(($2 + 1) * ($3 + 1)) : NaN):4 "
                "with linespoints pt 7 ps 0.35 lw 2 lc palette frac %.3f title '%zu tokens'",
                k ? ", \\\n    " : "", receptive->rows[k].length,
                receptive->n_length > 1 ? (double)k / (double)(receptive->n_length - 1) : 0.3,
                receptive->rows[k].length);
    fputc('\n', stream);
}

static double least_drawn(const struct receptive *receptive) {
    double least = INFINITY;
    for (size_t k = 0; k < receptive->n_length; k++) {
        const struct receptive_length *row = &receptive->rows[k];
        const double values[] = {(double)gradient_profile_within(&row->profile, 0.5),
                                 gradient_profile_mean(&row->profile), row->attention};
        for (int i = 0; i < 3; i++)
            if (values[i] > 0)
                least = fmin(least, values[i]);
    }
    return isfinite(least) ? least : 1;
}

/* The right side: how far back, by length. */
static void write_distances(const struct receptive *receptive, FILE *stream) {
    static const struct {
        int column;
        const char *title, *style;
    } lines[] = {
        {3, "50% of the weight", "pt 7 lw 2 lc rgb '#56b4e9'"},
        {4, "90%", "pt 5 lw 2 lc rgb '#0072b2'"},
        {5, "99%", "pt 9 lw 2 lc rgb '#000000'"},
        {6, "its mean distance", "pt 13 lw 2 dt (9,5) lc rgb '#009e73'"},
        {7, "hidden attention: mean of the layers", "pt 6 lw 2 dt (3,4) lc rgb '#e69f00'"},
        {8, "hidden attention: farthest layer", "pt 8 lw 2 dt (3,4) lc rgb '#d55e00'"},
    };
    double first = (double)receptive->rows[0].length, least = least_drawn(receptive);
    double last = (double)receptive->rows[receptive->n_length - 1].length;
    fprintf(stream,
            "set lmargin at screen 0.56\nset rmargin at screen 0.985\n"
            "set title 'How far back'\n"
            "set xlabel 'length of the window (tokens)'\nset ylabel 'tokens'\n"
            "set xrange [%.10g:%.10g]\nset yrange [%.10g:%.10g]\nset format y '%%.6g'\n"
            "set key top left Left reverse samplen 3\n"
            "set xtics (",
            first / 1.3, last * 1.3, least / 1.5, 12 * last);
    for (size_t k = 0; k < receptive->n_length; k++)
        fprintf(stream, "%s'%zu' %zu", k ? ", " : "", receptive->rows[k].length,
                receptive->rows[k].length);
    fputs(")\n", stream);
    if (receptive->trained)
        fprintf(stream, "set label 3 at %zu, graph 0.03 left offset 0.7,0\n", receptive->trained);
    fputs("plot x with lines dt 3 lw 2 lc rgb '#888888' title 'the whole window'", stream);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        fprintf(stream,
                ", \\\n    table every ::1 using 1:($%d > 0 ? $%d : NaN) with linespoints %s "
                "title '%s'",
                lines[i].column, lines[i].column, lines[i].style, lines[i].title);
    fputc('\n', stream);
}

void receptive_script(const struct receptive *receptive, FILE *stream) {
    analyze_script_head("receptive-field", stream);
    write_texts(receptive, stream);
    fputs("table = ARG1.'/receptive-field.tsv'\n"
          "profile = ARG1.'/receptive-field-profile.tsv'\n"
          "width = 1500\nheight = 680\n"
          "set datafile separator tab\n"
          "set grid lt 1 lc rgb '#e2e2e2' lw 1\nset border 3 lc rgb '#666666'\n"
          "set tics nomirror out\nset tmargin at screen 0.84\nset bmargin at screen 0.13\n",
          stream);
    analyze_script_palette(0.8, stream);
    fputs("unset colorbox\n", stream);
    analyze_script_open("receptive-field", stream);
    fputs("set multiplot\n"
          "set label 1 'Receptive field: '.model.', '.text at screen 0.07, screen 0.96 "
          "font title_font\n"
          "set label 2 reading at screen 0.07, screen 0.92 tc rgb '#444444'\n",
          stream);
    write_profiles(receptive, stream);
    fputs("unset label 1\nunset label 2\n", stream);
    write_distances(receptive, stream);
    fputs("unset multiplot\nunset label\nunset arrow\nunset output\n}\n", stream);
}
