/* The files of attention maps. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analyze_attention.h"
#include "cli/fail.h"
#include "cli/json_output.h"
#include "cli/paths.h"
#include "cli/write_safetensors.h"

static json_t *describe_layers(const struct attention *attention) {
    json_t *layers = json_array();
    for (size_t l = 0; l < attention->n_layer; l++) {
        const struct attention_layer *layer = &attention->layers[l];
        json_array_append_new(
            layers, json_pack("{so so so so}", "layer", json_size(layer->layer), "tokens",
                              json_size(layer->n_token), "largest_entry",
                              json_number_or_null((double)layer->largest_entry), "largest_mean",
                              json_number_or_null((double)layer->largest)));
    }
    return layers;
}

static json_t *describe(const struct attention *attention) {
    json_t *channels = json_array();
    for (size_t c = 0; c < attention->n_channel; c++)
        json_array_append_new(channels, json_size(c * attention->step));
    return json_pack("{ss ss so so so so sf so}", "model", attention->input->directory, "text",
                     attention->input->text, "tokens", json_size(attention->length), "method",
                     method_options_to_json(&attention->input->method), "channels", channels,
                     "bins", json_size(attention->n_bin), "floor", attention->floor, "layers",
                     describe_layers(attention));
}

/* Of strings, as the format wants it; NULL: memory is short. */
static json_t *make_metadata(const json_t *description) {
    char *all = json_dumps(description, JSON_COMPACT | JSON_REAL_PRECISION(10));
    json_t *metadata = json_pack(
        "{ss ss ss ss}", "map",
        "[bins, bins], row: the bin of token i, column: of token j; the mean over the "
        "bin's entries j <= i of the mean of |M[i, j]| over the channels; NaN: it has none",
        "sheet", "[cells, cells], the largest values of the map in each", "places",
        "the layer's tokens in the text, where some were dropped", "analysis", all);
    free(all);
    return metadata;
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

static bool write_maps(struct attention *attention, const char *folder, const json_t *description) {
    struct tensor *tensors = calloc(3 * attention->n_layer, sizeof *tensors);
    char *path = path_join(folder, "attention.safetensors");
    json_t *metadata = make_metadata(description);
    size_t n = 0, offset = 0;
    bool fine = (tensors && path && metadata) || fail_memory();
    if (fine) {
        n = list_tensors(attention, tensors);
        fine = write_safetensors_with(path, metadata, tensors, n, &offset);
    }
    if (fine)
        take_offsets(attention, tensors, n, offset);
    json_decref(metadata);
    free(path);
    free(tensors);
    return fine;
}

struct one_layer {
    const struct attention *attention;
    const struct attention_layer *layer;
};

static void fill_sheet(const void *what, FILE *stream) {
    attention_sheet_script(what, stream);
}

static void fill_layer(const void *what, FILE *stream) {
    const struct one_layer *one = what;
    attention_layer_script(one->attention, one->layer, stream);
}

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

bool attention_write(struct attention *attention, const char *folder) {
    json_t *description = describe(attention);
    if (!description)
        return fail_memory();
    /* attention.json marks the folder */
    bool fine = analyze_json(folder, "attention.json", json_incref(description)) &&
                remove_layers(folder) && write_maps(attention, folder, description) &&
                analyze_picture(folder, "attention", fill_sheet, attention);
    for (size_t l = 0; fine && l < attention->n_layer; l++) {
        const struct one_layer one = {attention, &attention->layers[l]};
        char name[60];
        snprintf(name, sizeof name, "attention-layer-%zu", one.layer->layer);
        if (one.layer->large)
            fine = analyze_picture(folder, name, fill_layer, &one);
    }
    json_decref(description);
    return fine;
}
