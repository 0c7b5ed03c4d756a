/* What gnuplot is told to draw of a Delta map. */
#include <math.h>

#include "analyze_delta.h"
#include "cli/gnuplot.h"

static void write_titles(const struct delta *delta, FILE *stream) {
    char reading[reading_size], text[2 * reading_size];
    analyze_reading(&delta->input->method, reading);
    fputs("model = ", stream);
    script_write_text(stream, delta->input->directory, 60, false);
    fputs("\ntext = ", stream);
    script_write_text(stream, delta->input->text, 50, false);
    snprintf(text, sizeof text, "%zu tokens, %s", delta->length, reading);
    fputs("\nreading = ", stream);
    script_write_text(stream, text, 120, false);
    fprintf(stream,
            "\ncolours = 'log of the %s, from each layer''s 1st to its 99th percentile (at the "
            "right); grey: dropped'\n",
            delta_score_title(delta));
}

static void write_ranges(const struct delta *delta, FILE *stream) {
    size_t n_layer = delta->map.n_layer;
    fprintf(stream, "array low[%zu]\narray high[%zu]\n", n_layer, n_layer);
    for (size_t l = 0; l < n_layer; l++)
        fprintf(stream, "low[%zu] = %.6g; high[%zu] = %.6g\n", l + 1, delta->low[l], l + 1,
                delta->high[l]);
    fputs("# the place of a score's logarithm between them; a layer of equal scores is in the "
          "middle\n"
          "part(x, l) = x > 0 ? (high[l] > low[l] ? log(x / low[l]) / log(high[l] / low[l]) : 0.5) "
          ": NaN\n"
          "shade(x, l) = part(x, l) < 0 ? 0 : part(x, l) > 1 ? 1 : part(x, l)\n",
          stream);
}

/* At the right of each layer that has one. */
static void write_range_labels(const struct delta *delta, FILE *stream) {
    const char *between = "";
    fputs("set y2tics (", stream);
    for (size_t l = 0; l < delta->map.n_layer; l++)
        if (delta->high[l] > 0) {
            fprintf(stream, "%s'%.2g - %.2g' %zu", between, delta->low[l], delta->high[l], l);
            between = ", ";
        }
    fputs(") out scale 0\n", stream);
}

/* An image needs two cells each way: a map of one token or one layer is drawn as boxes. In SVG,
 * which leaves it to the reader to blur an image, its cells are rectangles as well. */
static void write_map(const struct delta *delta, FILE *stream) {
    if (delta->n_bin > 1 && delta->map.n_layer > 1) {
        static const char map[] = "plot file skip 1 matrix every 1:1:2:0:n_layer + 1:bins - 1 "
                                  "using (cell * ($2 + 0.5)):($1 - 2):(shade($3, int($1) - 1)) ";
        fprintf(stream, "if (kind eq 'png') {\n%swith image\n} else {\n%swith image pixels\n}\n",
                map, map);
        return;
    }
    fputs("plot for [l = 1:n_layer] file every ::1 "
          "using (0.5 * ($1 + $2)):(l - 1):1:2:(l - 1.5):(l - 0.5):(shade(column(l + 2), l)) "
          "with boxxyerror fs solid noborder fc palette\n",
          stream);
}

static const char place[] = "set xlabel 'place in the text (tokens)'";

/* Under the map, for each layer that drops tokens, the share that is there after it. */
static void write_strips(const struct delta *delta, FILE *stream) {
    fputs("unset colorbox\nunset label\nunset y2tics\nunset object\nset yrange [0:1]\n"
          "unset xlabel\nset format x ''\nset xtics scale 0\nset ylabel ''\nset border 3\n",
          stream);
    for (size_t i = 0; i < delta->n_dropping; i++) {
        fprintf(stream,
                "set ytics ('layer %zu' 0.5) scale 0\n"
                "set tmargin at screen (bottom - gap - %zu * (strip + 8)) / height\n"
                "set bmargin at screen (bottom - gap - %zu * (strip + 8) - strip) / height\n",
                delta->dropping[i], i, i);
        if (i == 0)
            fputs("set label 1 'kept' at screen (left - 85.0) / width, "
                  "screen (bottom - gap + 10.0) / height tc rgb '#444444'\n",
                  stream);
        else
            fputs("unset label\n", stream);
        if (i + 1 == delta->n_dropping)
            fprintf(stream, "%s\n", place);
        fprintf(stream,
                "plot file every ::1 using 1:%zu with fillsteps fs solid 1 noborder "
                "lc rgb '#31688e'\n",
                3 + delta->map.n_layer + i);
    }
}

void delta_script(const struct delta *delta, FILE *stream) {
    size_t n_layer = delta->map.n_layer, row = n_layer > 24 ? 16 : n_layer > 8 ? 24 : 48;
    size_t every = n_layer > 32 ? 4 : n_layer > 16 ? 2 : 1;
    analyze_script_head("delta", stream);
    write_titles(delta, stream);
    fprintf(stream,
            "file = ARG1.'/delta.tsv'\n"
            "length = %zu\nbins = %zu\nn_layer = %zu\nn_dropping = %zu\n"
            "cell = 1.0 * length / bins\nstrip = 34\n"
            "left = 110; right = 260; top = 98; width = left + %zu + right\n"
            "gap = 42.0\n"
            "bottom = 65 + (n_dropping > 0 ? gap - 12 + n_dropping * (strip + 8) : 0)\n"
            "height = top + %zu * n_layer + bottom\n"
            "set datafile separator tab\nset datafile missing 'nan'\n",
            delta->length, delta->n_bin, n_layer, delta->n_dropping,
            analyze_script_side(delta->n_bin, 1000), row);
    analyze_script_palette(1, stream);
    write_ranges(delta, stream);
    analyze_script_open("delta", stream);
    fprintf(stream,
            "set multiplot\n"
            "set lmargin at screen 1.0 * left / width\n"
            "set rmargin at screen 1 - 1.0 * right / width\n"
            "set tmargin at screen 1 - 1.0 * top / height\n"
            "set bmargin at screen 1.0 * bottom / height\n"
            "set label 1 'Delta: '.model.', '.text at screen 1.0 * left / width, "
            "screen 1 - 22.0 / height font title_font\n"
            "set label 2 reading at screen 1.0 * left / width, screen 1 - 48.0 / height "
            "tc rgb '#444444'\n"
            "set label 3 colours at screen 1.0 * left / width, screen 1 - 70.0 / height "
            "tc rgb '#444444'\n"
            "set cbrange [0:1]\nset cbtics ('low' 0, 'high' 1) scale 0\n"
            "set colorbox user origin screen 1 - 80.0 / width, 1.0 * bottom / height "
            "size screen 18.0 / width, 1 - 1.0 * (top + bottom) / height\n"
            "set xrange [0:length]\nset yrange [-0.5:n_layer - 0.5]\n"
            "set y2range [-0.5:n_layer - 0.5]\n"
            "set xtics nomirror out\nset ytics 0,%zu nomirror out scale 0\nset format x '%%.0f'\n"
            "set format y '%%.0f'\n"
            "%s\nset ylabel 'layer'\n"
            "set border 3 lc rgb '#666666'\nunset key\n"
            "# tokens that a layer below has dropped\n"
            "set object 1 rectangle from graph 0,0 to graph 1,1 fs solid noborder "
            "fc rgb '#d9d9d9' behind\n",
            every, delta->n_dropping ? "unset xlabel" : place);
    write_range_labels(delta, stream);
    write_map(delta, stream);
    if (delta->n_dropping)
        write_strips(delta, stream);
    fputs("unset multiplot\nunset output\n}\n", stream);
}
