/* decimamba analyze attention: which tokens each layer's tokens draw on, as pictures. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "attention.h"
#include "cli/fail.h"
#include "cli/options.h"
#include "map_bins.h"

/* ---- What is asked for ---- */

static bool has_layer(const struct size_list *list, size_t layer) {
    for (size_t i = 0; i < list->n; i++)
        if (list->items[i] == layer)
            return true;
    return false;
}

/* The layers to show: those of --show, or all. */
static bool choose_layers(struct attention *attention) {
    const struct size_list *show = &attention->show, *others = &attention->large;
    size_t n_layer = attention->analysis.info.n_layer;
    for (size_t i = 0; i < show->n + others->n; i++) {
        bool large = i >= show->n;
        size_t layer = large ? others->items[i - show->n] : show->items[i];
        if (layer >= n_layer)
            return fail_usage("--%s: there is no layer %zu: the model has layers 0 to %zu",
                              large ? "large" : "show", layer, n_layer - 1);
        if (large && show->n && !has_layer(show, layer))
            return fail_usage("--large: layer %zu is not in --show", layer);
    }
    attention->layers = calloc(n_layer, sizeof *attention->layers);
    if (!attention->layers)
        return fail_memory();
    for (size_t layer = 0; layer < n_layer; layer++)
        if (!show->n || has_layer(show, layer))
            attention->layers[attention->n_layer++] =
                (struct attention_layer){.layer = layer, .large = has_layer(others, layer)};
    return true;
}

enum { max_pixels = 4096 }; /* of all maps beside each other on the sheet */

static void choose_sheet(struct attention *attention) {
    size_t n = attention->n_layer, n_across = 1, length = attention->analysis.length;
    while (n_across * n_across < n)
        n_across++;
    n_across += n % n_across && n % (n_across + 1) == 0; /* no gap in the last row */
    attention->n_across = n_across;
    attention->n_bin = attention->max_bins < length ? attention->max_bins : length;
    size_t max_cells = max_pixels / n_across;
    attention->n_cell = max_cells < attention->n_bin ? max_cells : attention->n_bin;
}

static bool prepare(struct analysis *analysis) {
    struct attention *attention = (struct attention *)analysis;
    size_t n_step = analysis->info.n_step;
    if (!choose_layers(attention) || !choose_length(analysis))
        return false;
    choose_sheet(attention);
    if (!attention->step) /* the official maps take every 150th of 1536 */
        attention->step = (n_step * 150 + 768) / 1536;
    if (!attention->step)
        attention->step = 1;
    attention->n_channel = (n_step - 1) / attention->step + 1;
    return true;
}

/* ---- The maps ---- */

/* A map on its way, and the entries of all maps so far. */
struct drawing {
    struct map_bins bins;
    struct analysis *analysis;
};

static void take_row(const float *row, size_t i, void *user) {
    struct drawing *drawing = user;
    map_bins_add(row, i, &drawing->bins);
    drawing->analysis->done += i + 1;
    show_reading(0, drawing->analysis);
}

static bool copy_places(const struct scan_inputs *inputs, struct attention_layer *layer) {
    layer->places = malloc((inputs->n_token ? inputs->n_token : 1) * sizeof *layer->places);
    if (!layer->places)
        return fail_memory();
    for (size_t i = 0; i < inputs->n_token; i++)
        layer->places[i] = (int64_t)inputs->positions[i];
    return true;
}

/* Gives the sheet its cells where it has fewer than there are bins: a bin that the layer kept shows in
 * its cell, whatever was dropped around it. */
static bool pool(const struct attention *attention, struct attention_layer *layer) {
    size_t n_bin = attention->n_bin, n_cell = attention->n_cell;
    if (n_cell == n_bin)
        return true;
    layer->cells = malloc(n_cell * n_cell * sizeof *layer->cells);
    if (!layer->cells)
        return fail_memory();
    for (size_t i = 0; i < n_cell * n_cell; i++)
        layer->cells[i] = NAN;
    for (size_t r = 0; r < n_bin; r++)
        for (size_t c = 0; c < n_bin; c++) {
            float *cell = &layer->cells[r * n_cell / n_bin * n_cell + c * n_cell / n_bin];
            *cell = fmaxf(*cell, layer->values[r * n_bin + c]); /* the other one of a NaN */
        }
    return true;
}

static bool make_map(struct attention *attention, const struct scan_inputs *inputs,
                     struct attention_layer *layer, struct drawing *drawing) {
    dm_error error;
    layer->n_token = inputs->n_token;
    layer->values = malloc(attention->n_bin * attention->n_bin * sizeof *layer->values);
    bool fine = layer->values || fail_memory();
    if (fine && inputs->n_token < attention->analysis.length)
        fine = copy_places(inputs, layer);
    if (fine && (map_bins_new(&drawing->bins, attention->analysis.length, attention->n_bin,
                              inputs->positions, inputs->n_token, &error) ||
                 attention_map_rows(inputs, take_row, drawing, &error)))
        fine = fail("%s", error.message);
    if (fine) {
        layer->largest = map_bins_means(&drawing->bins, layer->values);
        layer->largest_entry = drawing->bins.largest_entry;
        fine = pool(attention, layer);
    }
    map_bins_free(&drawing->bins);
    return fine;
}

static bool make_maps(struct attention *attention, const struct scan_inputs *inputs) {
    struct analysis *analysis = &attention->analysis;
    struct drawing drawing = {.analysis = analysis};
    size_t total = 0;
    for (size_t l = 0; l < attention->n_layer; l++) {
        size_t n = inputs[attention->layers[l].layer].n_token;
        total += n * (n + 1) / 2;
    }
    analysis->done = 0;
    progress_start(&analysis->progress, "maps", total);
    analysis->progress.unit = "entries";
    bool fine = true;
    for (size_t l = 0; fine && l < attention->n_layer; l++)
        fine = make_map(attention, &inputs[attention->layers[l].layer], &attention->layers[l],
                        &drawing);
    progress_clear(&analysis->progress);
    return fine;
}

static bool read_text_once(struct attention *attention, struct scan_inputs **inputs) {
    struct analysis *analysis = &attention->analysis;
    struct scan_reading reading = reading_of(analysis, analysis->ids, analysis->length);
    bool *wanted = calloc(analysis->info.n_layer, sizeof *wanted);
    dm_error error;
    if (!wanted)
        return fail_memory();
    for (size_t l = 0; l < attention->n_layer; l++)
        wanted[attention->layers[l].layer] = true;
    progress_start(&analysis->progress, "reading", analysis->length);
    dm_status status = scan_inputs_collect(&reading, wanted, attention->step, inputs, &error);
    progress_clear(&analysis->progress);
    free(wanted);
    return !status || fail("%s", error.message);
}

static bool measure(struct analysis *analysis) {
    struct attention *attention = (struct attention *)analysis;
    struct scan_inputs *inputs = NULL;
    bool fine = read_text_once(attention, &inputs) && make_maps(attention, inputs);
    scan_inputs_free(inputs, analysis->info.n_layer);
    return fine;
}

static bool print(const struct analysis *analysis) {
    const struct attention *attention = (const struct attention *)analysis;
    struct table table = {0};
    char reading[reading_size];
    reading_title(analysis, reading);
    printf("%zu tokens, %s; %zu of %zu channels, %zu x %zu cells\n", analysis->length, reading,
           attention->n_channel, analysis->info.n_step, attention->n_bin, attention->n_bin);
    attention_table(attention, false, &table);
    bool fine = table_show(&table);
    printf("written to %s\n", analysis->output);
    return fine;
}

static void release(struct analysis *analysis) {
    struct attention *attention = (struct attention *)analysis;
    for (size_t l = 0; l < attention->n_layer; l++) {
        free(attention->layers[l].values);
        free(attention->layers[l].cells);
        free(attention->layers[l].places);
    }
    free(attention->layers);
}

/* ---- The view ---- */

static const struct view view = {
    .command = &analyze_attention_command,
    .mark = "attention.json",
    .needs_output = true,
    .work = "a map of hidden attention",
    .prepare = prepare,
    .measure = measure,
    .describe = attention_describe,
    .write = attention_write,
    .print = print,
    .release = release,
};

static int run(int n_argument, char **arguments) {
    struct attention attention = {.max_bins = 512, .floor = -3};
    const struct option options[] = {
        length_option(&attention.analysis),
        {OPTION_SIZES, "show", &attention.show, "LIST",
         .help = "layers whose maps are made (default all)"},
        {OPTION_SIZES, "large", &attention.large, "LIST",
         .help = "layers that get a picture of their own as well, attention-layer-L"},
        {OPTION_SIZE, "channels", &attention.step, "N",
         .help = "take every N-th channel of a layer; 0: a share as in the official maps, every "
                 "150th of "
                 "1536",
         .min = 0, .max = 1e9},
        {OPTION_SIZE, "bins", &attention.max_bins, "N",
         .help = "cells on each side of a map; where there are fewer tokens, one for each token: "
                 "then the map is whole. On the sheet, which is at most 4096 pixels of maps wide, "
                 "a cell may be the largest of several",
         .min = 1, .max = 4096},
        {OPTION_REAL, "floor", &attention.floor, "X",
         .help = "the darkest colour: log10 of a cell by the largest", .min = -12, .max = -0.1},
        {.kind = OPTION_END},
    };
    return view_run(&attention.analysis, &view, options, n_argument, arguments);
}

const struct command analyze_attention_command = {
    .name = "analyze attention",
    .operands = "MODEL --text FILE --output FOLDER",
    .summary = "Draws which tokens each layer draws on: its hidden attention.",
    .notes = "M[i, j] is how much of token j is in what a layer's scan says at token i,\n\n  M[i, "
             "j] = sum_s C_i[s] exp(A[s] sum_{k = j+1..i} Delta_k) Delta_j B_j[s]\n\nfor each "
             "channel. A map is the mean of |M| over some channels. It has at most --bins cells on "
             "each side, each the mean over the pairs of tokens (j at most i) that fall into it; "
             "it is divided by its largest cell, and drawn as a logarithm down to --floor. Both "
             "axes are places in the text: what a layer or one below it dropped is left grey.",
    .manual = "# FILES\n\nThe folder receives attention.png and attention.svg (all maps on one "
              "sheet), the numbers that they are drawn from (attention.tsv, a row for each map, "
              "and attention.safetensors with map.L and, where tokens were dropped, places.L, and "
              "with sheet.L where there are too many bins for the sheet), and attention.json.",
    .example = "decimamba analyze attention models/passkey-512 --text book.txt --length 4096 \\\n  "
               "  --layers 2 --large 3 --output maps",
    .min_operand = 1,
    .max_operand = 1,
    .run = run,
};
