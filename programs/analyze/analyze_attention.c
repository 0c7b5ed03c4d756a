/* decimamba analyze attention: which tokens each layer's tokens draw on, as pictures. */
#include "analyze_attention.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/fail.h"
#include "cli/output_folder.h"
#include "cli/progress.h"
#include "map_bins.h"
#include "scan_inputs.h"

struct settings {
    struct analyze_input input;
    const char *output;
    size_t length, step, most_bins;
    bool length_given;
    double floor;
    struct size_list show, large;
};

static void show_progress(size_t n_read, void *user) {
    progress_update(user, n_read);
}

/* Of all maps: entries so far, and those of the layers before this one. */
struct drawing {
    struct map_bins bins;
    struct progress progress;
    size_t done;
};

static void take_row(const float *row, size_t i, void *user) {
    struct drawing *drawing = user;
    map_bins_add(row, i, &drawing->bins);
    drawing->done += i + 1;
    progress_update(&drawing->progress, drawing->done);
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
    if (fine && inputs->n_token < attention->length)
        fine = copy_places(inputs, layer);
    if (fine && (map_bins_new(&drawing->bins, attention->length, attention->n_bin,
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
    struct drawing drawing = {.done = 0};
    size_t total = 0;
    for (size_t l = 0; l < attention->n_layer; l++) {
        size_t n = inputs[attention->layers[l].layer].n_token;
        total += n * (n + 1) / 2;
    }
    progress_start(&drawing.progress, "maps", total);
    drawing.progress.unit = "entries";
    bool fine = true;
    for (size_t l = 0; fine && l < attention->n_layer; l++)
        fine = make_map(attention, &inputs[attention->layers[l].layer], &attention->layers[l],
                        &drawing);
    progress_clear(&drawing.progress);
    return fine;
}

static bool read_text_once(const struct attention *attention, struct scan_inputs **inputs) {
    const struct analyze_input *input = attention->input;
    struct progress progress;
    const struct scan_reading reading = {.model = input->model,
                                         .method = &input->method,
                                         .ids = input->ids,
                                         .n_id = attention->length,
                                         .progress = show_progress,
                                         .user = &progress};
    bool *wanted = calloc(input->info.n_layer, sizeof *wanted);
    dm_error error;
    if (!wanted)
        return fail_memory();
    for (size_t l = 0; l < attention->n_layer; l++)
        wanted[attention->layers[l].layer] = true;
    progress_start(&progress, "reading", attention->length);
    dm_status status = scan_inputs_collect(&reading, wanted, attention->step, inputs, &error);
    progress_clear(&progress);
    free(wanted);
    return !status || fail("%s", error.message);
}

static void print_summary(const struct attention *attention, const char *folder) {
    char reading[reading_size];
    analyze_reading(&attention->input->method, reading);
    printf("%zu tokens, %s; %zu of %zu channels\n", attention->length, reading,
           attention->n_channel, attention->input->info.d_inner);
    printf("layer   tokens   largest entry   largest of %zu x %zu means\n", attention->n_bin,
           attention->n_bin);
    for (size_t l = 0; l < attention->n_layer; l++) {
        const struct attention_layer *layer = &attention->layers[l];
        printf("%5zu %8zu %15.3g %15.3g\n", layer->layer, layer->n_token,
               (double)layer->largest_entry, (double)layer->largest);
    }
    printf("written to %s\n", folder);
}

static bool has_layer(const struct size_list *list, size_t layer) {
    for (size_t i = 0; i < list->n; i++)
        if (list->items[i] == layer)
            return true;
    return false;
}

/* The layers to show: those of --show, or all. */
static bool choose_layers(const struct settings *settings, struct attention *attention) {
    size_t n_layer = settings->input.info.n_layer;
    for (size_t i = 0; i < settings->show.n + settings->large.n; i++) {
        bool large = i >= settings->show.n;
        size_t layer =
            large ? settings->large.items[i - settings->show.n] : settings->show.items[i];
        if (layer >= n_layer)
            return fail("--%s: there is no layer %zu: the model has layers 0 to %zu",
                        large ? "large" : "show", layer, n_layer - 1);
        if (large && settings->show.n && !has_layer(&settings->show, layer))
            return fail("--large: layer %zu is not in --show", layer);
    }
    attention->layers = calloc(n_layer, sizeof *attention->layers);
    if (!attention->layers)
        return fail_memory();
    for (size_t layer = 0; layer < n_layer; layer++)
        if (!settings->show.n || has_layer(&settings->show, layer))
            attention->layers[attention->n_layer++] = (struct attention_layer){
                .layer = layer, .large = has_layer(&settings->large, layer)};
    return true;
}

enum { most_pixels = 4096 }; /* of all maps beside each other on the sheet */

static bool choose_length(const struct settings *settings, struct attention *attention) {
    const struct analyze_input *input = attention->input;
    attention->length = settings->length < input->n_id ? settings->length : input->n_id;
    if (settings->length_given && settings->length > input->n_id)
        return fail("%s: %zu token%s, fewer than --length %zu", input->text, input->n_id,
                    input->n_id == 1 ? "" : "s", settings->length);
    attention->n_bin =
        settings->most_bins < attention->length ? settings->most_bins : attention->length;
    size_t most_cells = most_pixels / attention_across(attention);
    attention->n_cell = most_cells < attention->n_bin ? most_cells : attention->n_bin;
    attention->step = settings->step;
    if (!attention->step) /* the official maps take every 150th of 1536 */
        attention->step = (input->info.d_inner * 150 + 768) / 1536;
    if (!attention->step)
        attention->step = 1;
    attention->n_channel = (input->info.d_inner - 1) / attention->step + 1;
    return true;
}

static bool analyze(struct settings *settings, struct attention *attention) {
    struct scan_inputs *inputs = NULL;
    struct output_folder folder = {0};
    bool fine = analyze_input_open(&settings->input) && choose_layers(settings, attention) &&
                choose_length(settings, attention) &&
                output_folder_open(&folder, settings->output, "attention.json",
                                   "a map of hidden attention") &&
                read_text_once(attention, &inputs) && make_maps(attention, inputs);
    scan_inputs_free(inputs, settings->input.info.n_layer);
    fine = fine && attention_write(attention, folder.path);
    output_folder_close(&folder);
    if (fine)
        print_summary(attention, settings->output);
    return fine && flush_output();
}

static int run(int n_argument, char **arguments) {
    struct settings settings = {.length = 2048, .most_bins = 512, .floor = -3};
    struct option model_options[n_model_option], method_options[n_method_option];
    model_flags_table(&settings.input.model_flags, model_options);
    method_flags_table(&settings.input.method_flags, method_options);
    const struct option options[] = {
        {OPTION_TEXT, "text", &settings.input.text, "FILE", .help = "the text"},
        {OPTION_SIZE, "length", &settings.length, "N",
         .help = "look at the text's first N tokens (default 2048, or as many as there are); time "
                 "grows with the square of it",
         .least = 1, .most = 1e9, .given = &settings.length_given},
        {OPTION_SIZES, "show", &settings.show, "LIST",
         .help = "layers whose maps are made (default all)"},
        {OPTION_SIZES, "large", &settings.large, "LIST",
         .help = "layers that get a picture of their own as well, attention-layer-L"},
        {OPTION_SIZE, "channels", &settings.step, "N",
         .help = "take every N-th channel of a layer; 0: a share as in the official maps, every "
                 "150th of "
                 "1536",
         .least = 0, .most = 1e9},
        {OPTION_SIZE, "bins", &settings.most_bins, "N",
         .help = "cells on each side of a map; where there are fewer tokens, one for each token: "
                 "then the map is whole. On the sheet, which is at most 4096 pixels of maps wide, "
                 "a cell may be the largest of several",
         .least = 1, .most = 4096},
        {OPTION_REAL, "floor", &settings.floor, "X",
         .help = "the darkest colour: log10 of a cell by the largest", .least = -12, .most = -0.1},
        {OPTION_TEXT, "output", &settings.output, "FOLDER",
         .help = "where the files go: a new folder, an empty one, or one that has such maps",
         .path = true},
        {.kind = OPTION_END},
    };
    const struct option_group groups[] = {
        {"Options", options}, {METHOD_TITLE, method_options}, {"Model", model_options}, {0}};
    enum options_result result = options_read(&analyze_attention_command, groups, n_argument,
                                              arguments, &settings.input.directory);
    if (result != OPTIONS_READ)
        return options_status(result);
    if (!settings.input.text || !settings.output) {
        complain("analyze attention: %s is missing", settings.input.text ? "--output" : "--text");
        return EXIT_FAILURE;
    }
    struct attention attention = {.input = &settings.input, .floor = settings.floor};
    bool fine = analyze(&settings, &attention);
    for (size_t l = 0; l < attention.n_layer; l++) {
        free(attention.layers[l].values);
        free(attention.layers[l].cells);
        free(attention.layers[l].places);
    }
    free(attention.layers);
    analyze_input_close(&settings.input);
    return fine ? EXIT_SUCCESS : EXIT_FAILURE;
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
              "sheet), the script and the numbers that they are drawn from (attention.gp, "
              "attention.safetensors with map.L and, where tokens were dropped, places.L, and with "
              "sheet.L where there are too many bins for the sheet), and attention.json.",
    .example = "decimamba analyze attention models/passkey-512 --text book.txt --length 4096 \\\n"
               "    --layers 2 --large 3 --output maps",
    .min_operand = 1,
    .max_operand = 1,
    .run = run,
};
