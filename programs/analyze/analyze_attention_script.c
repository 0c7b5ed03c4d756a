/* What gnuplot is told to draw of attention maps: straight from attention.safetensors. */
#include <stdlib.h>

#include "analyze_attention.h"
#include "cli/gnuplot.h"

/* Distance between ticks: 1, 2 or 5 times a power of ten, so that there are at most `most`; where the
 * length is a multiple of 1024, a quarter or an eighth of it. */
static size_t tick_step(size_t length, size_t most) {
    static const size_t digits[] = {1, 2, 5};
    if (length % 1024 == 0)
        return length / (most < 8 ? 4 : 8);
    for (size_t power = 1;; power *= 10)
        for (int i = 0; i < 3; i++)
            if (digits[i] * power * most >= length)
                return digits[i] * power;
}

static void write_titles(const struct attention *attention, FILE *stream) {
    char reading[reading_size], text[2 * reading_size];
    analyze_reading(&attention->input->method, reading);
    fputs("model = ", stream);
    script_write_text(stream, attention->input->directory, 60, false);
    fputs("\ntext = ", stream);
    script_write_text(stream, attention->input->text, 50, false);
    snprintf(text, sizeof text, "%zu tokens, %s; mean of |M| over %zu channels", attention->length,
             reading, attention->n_channel);
    fputs("\nreading = ", stream);
    script_write_text(stream, text, 110, false);
    fputc('\n', stream);
}

/* Data, colours and axes, of maps of n_cell cells each way. */
static void write_common(const struct attention *attention, size_t n_cell, size_t most_ticks,
                         FILE *stream) {
    write_titles(attention, stream);
    fprintf(stream,
            "file = ARG1.'/attention.safetensors'\n"
            "length = %zu\ncells = %zu\nfloor = %.10g\n"
            "cell = 1.0 * length / cells\n"
            "# log10 of a cell by the map's largest; a cell without entries has no colour\n"
            "shade(x, largest) = x > largest * 10.0**floor ? log10(x / largest) : "
            "x >= 0 ? floor : NaN\n",
            attention->length, n_cell, attention->floor);
    analyze_script_palette(1, stream);
    size_t step = tick_step(attention->length, most_ticks);
    fprintf(stream,
            "set cbrange [floor:0]\n"
            "set cblabel 'log10 of |M| by the largest cell'\n"
            "set xrange [0:length]\nset yrange [length:0]\n"
            "set xtics %zu nomirror out\nset ytics %zu nomirror out\n"
            "set format '%%.0f'\nset format cb '%%g'\n"
            "set border 3 back lc rgb '#666666'\n"
            "unset key\n"
            "# tokens that were dropped, below the diagonal\n"
            "set object 1 polygon from 0,0 to length,length to 0,length to 0,0 "
            "fs solid noborder fc rgb '#d9d9d9' behind\n",
            step, step);
}

static void write_layer_arrays(const struct attention *attention, bool sheet, FILE *stream) {
    fprintf(stream, "n = %zu\narray name[n]\narray skip[n]\narray largest[n]\n",
            attention->n_layer);
    for (size_t l = 0; l < attention->n_layer; l++) {
        const struct attention_layer *layer = &attention->layers[l];
        fprintf(stream, "name[%zu] = 'layer %zu", l + 1, layer->layer);
        if (layer->places)
            fprintf(stream, " (%zu tokens kept)", layer->n_token);
        fprintf(stream, "'; skip[%zu] = %zu; largest[%zu] = %.9g\n", l + 1,
                sheet ? layer->sheet_offset : layer->offset, l + 1, (double)layer->largest);
    }
}

static const char plot[] = "plot file binary skip=skip[p] array=(cells,cells) format='%float' "
                           "origin=(cell/2,cell/2) dx=cell dy=cell \\\n"
                           "    using (shade($1, largest[p])) with image\n";

/* Two lines above the panels, of gnuplot's `left` and `height`. */
static void write_heading(const char *title, FILE *stream) {
    fprintf(stream,
            "set label 1 %s.': '.model.', '.text at screen 1.0 * left / width, "
            "screen 1 - 24.0 / height font title_font\n"
            "set label 2 reading at screen 1.0 * left / width, screen 1 - 50.0 / height "
            "tc rgb '#444444'\n",
            title);
}

size_t attention_across(const struct attention *attention) {
    size_t n = attention->n_layer, n_across = 1;
    while (n_across * n_across < n)
        n_across++;
    return n_across + (n % n_across && n % (n_across + 1) == 0); /* no gap in the last row */
}

void attention_sheet_script(const struct attention *attention, FILE *stream) {
    size_t n = attention->n_layer, n_across = attention_across(attention);
    size_t side = analyze_script_side(attention->n_cell, n == 1   ? 600
                                                         : n <= 4 ? 420
                                                         : n <= 9 ? 300
                                                                  : 230);
    analyze_script_head("attention", stream);
    write_common(attention, attention->n_cell, 4, stream);
    write_layer_arrays(attention, true, stream);
    fprintf(stream,
            "n_across = %zu\nn_down = %zu\nside = %zu\n"
            "left = 95; right = 130; top = 95; bottom = 75; between = 50; below = 45\n"
            "width = left + n_across * (side + between) - between + right\n"
            "height = top + n_down * (side + below) - below + bottom\n",
            n_across, (n + n_across - 1) / n_across, side);
    analyze_script_open("attention", stream);
    fputs("set multiplot\n"
          "set colorbox user origin screen 1 - (right - 25.0) / width, 1.0 * bottom / height \\\n"
          "    size screen 18.0 / width, 1 - 1.0 * (top + bottom) / height\n",
          stream);
    write_heading("'Hidden attention'", stream);
    fputs("do for [p = 1:n] {\n"
          "column = (p - 1) % n_across\nrow = (p - 1) / n_across\n"
          "set lmargin at screen (left + column * (side + between) + 0.0) / width\n"
          "set rmargin at screen (left + column * (side + between) + side + 0.0) / width\n"
          "set tmargin at screen 1 - (top + row * (side + below) + 0.0) / height\n"
          "set bmargin at screen 1 - (top + row * (side + below) + side + 0.0) / height\n"
          "set title name[p] offset 0,-0.6\n"
          "if (column == 0) { set ylabel 'at token i'; set format y '%.0f' } "
          "else { set ylabel ''; set format y '' }\n"
          "if (p + n_across > n) { set xlabel 'of token j'; set format x '%.0f' } "
          "else { set xlabel ''; set format x '' }\n",
          stream);
    fputs(plot, stream);
    fputs("unset label\nunset colorbox\n}\nunset multiplot\nunset output\n}\n", stream);
}

void attention_layer_script(const struct attention *attention, const struct attention_layer *layer,
                            FILE *stream) {
    char name[60];
    snprintf(name, sizeof name, "attention-layer-%zu", layer->layer);
    analyze_script_head(name, stream);
    write_common(attention, attention->n_bin, 10, stream);
    write_layer_arrays(attention, false, stream);
    fprintf(stream,
            "p = %zu\nside = %zu\n"
            "left = 95; right = 135; top = 85; bottom = 75\n"
            "width = left + side + right\nheight = top + side + bottom\n"
            "set lmargin at screen 1.0 * left / width\n"
            "set rmargin at screen 1 - 1.0 * right / width\n"
            "set tmargin at screen 1 - 1.0 * top / height\n"
            "set bmargin at screen 1.0 * bottom / height\n"
            "set xlabel 'of token j (place in the text, tokens)'\n"
            "set ylabel 'at token i (place in the text, tokens)'\n",
            (size_t)(layer - attention->layers) + 1, analyze_script_side(attention->n_bin, 900));
    analyze_script_open(name, stream);
    write_heading("'Hidden attention of '.name[p]", stream);
    fputs(plot, stream);
    fputs("unset output\n}\n", stream);
}
