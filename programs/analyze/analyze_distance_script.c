/* What gnuplot is told to draw of mean distances. */
#include <math.h>

#include "analyze_distance.h"
#include "cli/gnuplot.h"

static void write_texts(const struct distances *distances, FILE *stream) {
    char reading[reading_size], text[2 * reading_size];
    analyze_reading(&distances->input->method, reading);
    fputs("model = ", stream);
    script_write_text(stream, distances->input->directory, 60, false);
    fputs("\ntext = ", stream);
    script_write_text(stream, distances->input->text, 40, false);
    snprintf(text, sizeof text, "%s; mean over the channels, at the last %zu token%s", reading,
             distances->n_query, distances->n_query == 1 ? "" : "s");
    fputs("\nreading = ", stream);
    script_write_text(stream, text, 110, false);
    fputc('\n', stream);
}

/* Both axes are logarithmic; a distance of 0 has no place on them. */
static void write_ranges(const struct distances *distances, FILE *stream) {
    double first = (double)distances->lengths[0];
    double last = (double)distances->lengths[distances->n_length - 1];
    double trained = distances->trained ? (double)distances->trained : first;
    double left = fmin(first, trained), right = fmax(last, trained), least = last / 2;
    for (size_t k = 0; k < distances->n_length; k++)
        for (size_t l = 0; l < distances->n_layer; l++)
            if (distances_mean(distances, k, l) > 0)
                least = fmin(least, distances_mean(distances, k, l));
    fprintf(stream,
            "set logscale xy\nset xrange [%.10g:%.10g]\nset yrange [%.10g:%.10g]\n"
            "set xtics (",
            left / 1.08, right * 1.08, least / 1.3, fmax(right / 2, least) * 1.3);
    for (size_t k = 0; k < distances->n_length; k++)
        fprintf(stream, "%s'%zu' %zu", k ? ", " : "", distances->lengths[k], distances->lengths[k]);
    fputs(")\n", stream);
}

void distances_script(const struct distances *distances, FILE *stream) {
    size_t n_layer = distances->n_layer;
    analyze_script_head("distance", stream);
    write_texts(distances, stream);
    fprintf(stream,
            "table = ARG1.'/distance.tsv'\nn_layer = %zu\n"
            "width = 1100\nheight = 720\n"
            "set datafile separator tab\n",
            n_layer);
    write_ranges(distances, stream);
    analyze_script_palette(0.8, stream);
    fprintf(stream, "set cbrange [0:%zu]\nset cbtics %zu\n", n_layer > 1 ? n_layer - 1 : 1,
            (n_layer + 11) / 12);
    fputs("set cblabel 'layer'\n"
          "set xlabel 'length of the text (tokens)'\n"
          "set ylabel 'mean distance (tokens)'\n"
          "set key top left Left reverse samplen 3\n"
          "set grid ytics lt 1 lc rgb '#e2e2e2' lw 1\n"
          "set border 3 lc rgb '#666666'\n"
          "set tics nomirror out\n",
          stream);
    if (distances->trained)
        fprintf(stream,
                "set arrow from %zu, graph 0 to %zu, graph 1 nohead back dt 2 lw 1.5 lc rgb "
                "'#666666'\n"
                "set label 3 'trained with %zu' at %zu, graph 0.03 offset 0.7,0 tc rgb '#444444'\n",
                distances->trained, distances->trained, distances->trained, distances->trained);
    analyze_script_open("distance", stream);
    fputs("set label 1 'Mamba Mean Distance: '.model.', '.text at screen 75.0 / width, "
          "screen 1 - 24.0 / height font title_font\n"
          "set label 2 reading at screen 75.0 / width, screen 1 - 50.0 / height "
          "tc rgb '#444444'\n"
          "set tmargin at screen 1 - 75.0 / height\n"
          "plot x / 2 with lines dt 3 lw 2 lc rgb '#888888' title 'half the length: all tokens "
          "weigh alike', \\\n"
          "     for [l = 1:n_layer] table every ::1 using 1:(column(l + 1)):(l - 1) "
          "with linespoints pt 7 ps 0.7 lw 2 lc palette notitle, \\\n"
          "     table every ::1 using 1:(column(n_layer + 2)) with lines dt (9,6) lw 2.5 lc rgb "
          "'#000000' title 'mean of the layers'\n"
          "unset output\n}\n",
          stream);
}
