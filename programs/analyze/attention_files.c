/* The files of attention maps. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attention.h"
#include "cli/fail.h"
#include "cli/json_output.h"
#include "cli/paths.h"

/* ---- What is said of them ---- */

void attention_table(const struct attention *attention, bool files, struct table *table) {
    static const struct table_column columns[] = {
        {.name = "layer", .type = COLUMN_COUNT},
        {.name = "tokens", .type = COLUMN_COUNT, .width = 7},
        {.name = "largest_entry", .type = COLUMN_NUMBER, .title = "largest entry"},
        {.name = "largest_mean", .type = COLUMN_NUMBER, .title = "largest mean of a cell"},
        {.name = "text_tokens", .type = COLUMN_COUNT},
        {.name = "bins", .type = COLUMN_COUNT},
        {.name = "offset", .type = COLUMN_COUNT},
        {.name = "cells", .type = COLUMN_COUNT},
        {.name = "cells_offset", .type = COLUMN_COUNT},
    };
    table_columns(table, columns, files ? 9 : 4);
    for (size_t l = 0; l < attention->n_layer; l++) {
        const struct attention_layer *layer = &attention->layers[l];
        table_count(table, layer->layer);
        table_count(table, layer->n_token);
        table_number(table, (double)layer->largest_entry);
        table_number(table, (double)layer->largest);
        if (!files)
            continue;
        table_count(table, attention->analysis.length);
        table_count(table, attention->n_bin);
        table_count(table, layer->offset);
        table_count(table, attention->n_cell);
        table_count(table, layer->sheet_offset);
    }
}

json_t *attention_describe(const struct analysis *analysis) {
    const struct attention *attention = (const struct attention *)analysis;
    struct table table = {0};
    json_t *channels = json_array();
    for (size_t c = 0; c < attention->n_channel; c++)
        json_array_append_new(channels, json_size(c * attention->step));
    attention_table(attention, false, &table);
    return json_pack("{so so sf so}", "channels", channels, "bins", json_size(attention->n_bin),
                     "floor", attention->floor, "layers", table_to_json(&table));
}

/* ---- attention.safetensors ---- */

static json_t *make_notes(void) {
    return json_pack(
        "{ss ss ss}", "map",
        "[bins, bins], row: the bin of token i, column: of token j; the mean over the "
        "bin's entries j <= i of the mean of |M[i, j]| over the channels; NaN: it has none",
        "sheet", "[cells, cells], the largest values of the map in each", "places",
        "the layer's tokens in the text, where some were dropped");
}

static struct tensor square(const char *kind, const struct attention_layer *layer,
                            const float *values, size_t side) {
    struct tensor tensor = {.dtype = "F32",
                            .n_axis = 2,
                            .shape = {side, side},
                            .n_byte = side * side * sizeof *values,
                            .data = values};
    snprintf(tensor.name, sizeof tensor.name, "%s.%zu", kind, layer->layer);
    return tensor;
}

/* 8-byte elements first, as write_safetensors has it. */
static size_t list_tensors(const struct attention *attention, struct tensor *tensors) {
    size_t n = 0;
    for (size_t l = 0; l < attention->n_layer; l++) {
        const struct attention_layer *layer = &attention->layers[l];
        if (!layer->places)
            continue;
        tensors[n] = (struct tensor){.dtype = "I64",
                                     .n_axis = 1,
                                     .shape = {layer->n_token},
                                     .n_byte = layer->n_token * sizeof *layer->places,
                                     .data = layer->places};
        snprintf(tensors[n].name, sizeof tensors[n].name, "places.%zu", layer->layer);
        n++;
    }
    for (size_t l = 0; l < attention->n_layer; l++) {
        const struct attention_layer *layer = &attention->layers[l];
        tensors[n++] = square("map", layer, layer->values, attention->n_bin);
        if (layer->cells)
            tensors[n++] = square("sheet", layer, layer->cells, attention->n_cell);
    }
    return n;
}

/* Notes where in the file each map is; `offset`: of the first tensor. */
static void take_offsets(struct attention *attention, const struct tensor *tensors, size_t n,
                         size_t offset) {
    struct attention_layer *layer = attention->layers;
    for (size_t i = 0; i < n; offset += tensors[i++].n_byte) {
        if (tensors[i].n_axis == 1)
            continue;
        while (tensors[i].data != layer->values && tensors[i].data != layer->cells)
            layer++;
        if (tensors[i].data == layer->values)
            layer->offset = offset;
        if (tensors[i].data == layer->cells || !layer->cells)
            layer->sheet_offset = offset;
    }
}

static bool write_maps(struct attention *attention, const char *folder) {
    struct tensor *tensors = calloc(3 * attention->n_layer, sizeof *tensors);
    size_t offset = 0, n = tensors ? list_tensors(attention, tensors) : 0;
    bool fine = (tensors || fail_memory()) &&
                write_tensors(&attention->analysis, folder, "attention.safetensors", make_notes(),
                              tensors, n, &offset);
    if (fine)
        take_offsets(attention, tensors, n, offset);
    free(tensors);
    return fine;
}

/* ---- Figures ---- */

static int is_of_layer(const struct dirent *entry) {
    return strncmp(entry->d_name, "attention-layer-", strlen("attention-layer-")) == 0;
}

/* Large pictures of an earlier run are of another text. */
static bool remove_layers(const char *folder) {
    struct dirent **entries;
    int n = scandir(folder, &entries, is_of_layer, NULL);
    bool fine = true;
    for (int i = 0; i < n; i++) {
        char *path = path_join(folder, entries[i]->d_name);
        fine = fine && (path || fail_memory()) &&
               (!unlink(path) || fail("%s: cannot remove this: %s", path, strerror(errno)));
        free(path);
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
    return fine;
}

/* The sheet, then each layer that is to be large. */
static bool draw(const struct attention *attention, const char *folder) {
    char reading[reading_size], text[2 * reading_size], name[60];
    reading_title(&attention->analysis, reading);
    snprintf(text, sizeof text, "%zu tokens, %s; mean of |M| over %zu channels",
             attention->analysis.length, reading, attention->n_channel);
    struct figure figure = view_figure(&attention->analysis, "attention", folder, text);
    figure.settings[own_setting] =
        (struct figure_setting){.name = "floor", .number = attention->floor};
    struct figure_setting *last = &figure.settings[own_setting + 1];
    *last = (struct figure_setting){.name = "across", .number = (double)attention->n_across};
    bool fine = figure_draw(&figure);
    figure.table = "attention";
    figure.name = name;
    for (size_t l = 0; fine && l < attention->n_layer; l++) {
        const struct attention_layer *layer = &attention->layers[l];
        snprintf(name, sizeof name, "attention-layer-%zu", layer->layer);
        *last = (struct figure_setting){.name = "layer", .number = (double)layer->layer};
        if (layer->large)
            fine = figure_draw(&figure);
    }
    return fine;
}

bool attention_write(struct analysis *analysis, const char *folder) {
    struct attention *attention = (struct attention *)analysis;
    struct table table = {0};
    if (!remove_layers(folder) || !write_maps(attention, folder))
        return false;
    attention_table(attention, true, &table);
    return table_save(&table, folder, "attention.tsv") && draw(attention, folder);
}
