/* The table and the files of mean distances. */
#include <math.h>
#include <stdlib.h>

#include "analyze_distance.h"
#include "cli/fail.h"
#include "cli/json_output.h"
#include "cli/paths.h"
#include "cli/sheet.h"
#include "cli/terminal.h"
#include "cli/write_safetensors.h"
#include "receptive_field.h"

size_t distances_end(const struct distances *distances, size_t layer) {
    double lengths[list_capacity], values[list_capacity];
    for (size_t k = 0; k < distances->n_length; k++) {
        lengths[k] = (double)distances->lengths[k];
        values[k] = distances_mean(distances, k, layer);
    }
    size_t end = receptive_field_end(lengths, values, distances->n_length);
    return end + 1 < distances->n_length ? distances->lengths[end] : 0;
}

/* ---- The table ---- */

enum { name_size = 32 };

/* `names`: room for those of n_layer + 1 rows, then n_length + 1 columns. */
static void fill_sheet(const struct distances *distances, struct sheet *sheet,
                       char (*names)[name_size]) {
    size_t n_layer = distances->n_layer, n_length = distances->n_length;
    for (size_t l = 0; l <= n_layer; l++) {
        size_t end = distances_end(distances, l);
        snprintf(names[l], name_size, "layer %zu", l);
        sheet->rows[l] = l < n_layer ? names[l] : "mean";
        for (size_t k = 0; k < n_length; k++)
            snprintf(sheet_at(sheet, l, k)->figure, sizeof sheet_at(sheet, l, k)->figure, "%.1f",
                     distances_mean(distances, k, l));
        struct sheet_cell *last = sheet_at(sheet, l, n_length);
        if (end)
            snprintf(last->figure, sizeof last->figure, "%zu", end);
        else
            snprintf(last->figure, sizeof last->figure, "-");
    }
    names += n_layer + 1;
    for (size_t k = 0; k < n_length; k++) {
        snprintf(names[k], name_size, "%zu", distances->lengths[k]);
        sheet->columns[k] = names[k];
        sheet->marked[k] = distances->lengths[k] == distances->trained;
    }
    sheet->columns[n_length] = "ends at";
}

bool distances_print(const struct distances *distances) {
    struct sheet sheet;
    char reading[reading_size];
    char(*names)[name_size] = calloc(distances->n_layer + distances->n_length + 2, sizeof *names);
    bool fine = (names || fail_memory()) &&
                sheet_make(&sheet, "", distances->n_layer + 1, distances->n_length + 1);
    if (!fine) {
        free(names);
        return false;
    }
    fill_sheet(distances, &sheet, names);
    analyze_reading(&distances->input->method, reading);
    printf("Mean distance in tokens, at the last %zu token%s of texts of so many tokens; %s\n\n",
           distances->n_query, distances->n_query == 1 ? "" : "s", reading);
    sheet_print(&sheet, stdout, terminal_width());
    for (size_t k = 0; k < distances->n_length; k++)
        if (distances->lengths[k] == distances->trained)
            printf("* the model was trained on this length\n");
    printf("ends at: from this length on it grows by less than %.0f%% per doubling\n",
           100 * (receptive_field_growth - 1));
    sheet_free(&sheet);
    free(names);
    return true;
}

/* ---- Files ---- */

json_t *distances_json(const struct distances *distances) {
    json_t *lengths = json_array(), *layers = json_array();
    for (size_t k = 0; k < distances->n_length; k++)
        json_array_append_new(lengths, json_size(distances->lengths[k]));
    json_t *mean = NULL;
    for (size_t l = 0; l <= distances->n_layer; l++) {
        json_t *means = json_array();
        size_t end = distances_end(distances, l);
        for (size_t k = 0; k < distances->n_length; k++)
            json_array_append_new(means, json_number_or_null(distances_mean(distances, k, l)));
        json_t *row = json_pack("{so so}", "mean_distance", means, "ends_at",
                                end ? json_size(end) : json_null());
        if (l == distances->n_layer)
            mean = row;
        else if (!json_object_set_new(row, "layer", json_size(l)))
            json_array_append_new(layers, row);
    }
    return json_pack(
        "{ss ss so so so so so so sf}", "model", distances->input->directory, "text",
        distances->input->text, "method", method_options_to_json(&distances->input->method),
        "queries", json_size(distances->n_query), "trained",
        distances->trained ? json_size(distances->trained) : json_null(), "lengths", lengths,
        "layers", layers, "mean", mean, "ends_below_growth", receptive_field_growth);
}

static void fill_table(const void *what, FILE *stream) {
    const struct distances *distances = what;
    fputs("length", stream);
    for (size_t l = 0; l < distances->n_layer; l++)
        fprintf(stream, "\tlayer_%zu", l);
    fputs("\tmean\n", stream);
    for (size_t k = 0; k < distances->n_length; k++) {
        fprintf(stream, "%zu", distances->lengths[k]);
        for (size_t l = 0; l <= distances->n_layer; l++)
            fprintf(stream, "\t%.9g", distances_mean(distances, k, l));
        fputc('\n', stream);
    }
}

static void fill_script(const void *what, FILE *stream) {
    distances_script(what, stream);
}

/* distance.N of each length, in float32. */
static bool write_channels(const struct distances *distances, const char *folder,
                           const json_t *description) {
    size_t each = distances->n_layer * distances->n_channel, start;
    struct tensor *tensors = calloc(distances->n_length, sizeof *tensors);
    float *values = malloc(distances->n_length * each * sizeof *values);
    char *path = path_join(folder, "distance.safetensors");
    char *all = json_dumps(description, JSON_COMPACT | JSON_REAL_PRECISION(10));
    json_t *metadata =
        json_pack("{ss ss}", "distance",
                  "[layers, channels] mean distance, of a text of so many tokens", "analysis", all);
    bool fine = (tensors && values && path && metadata) || fail_memory();
    for (size_t i = 0; fine && i < distances->n_length * each; i++)
        values[i] = (float)distances->channels[i];
    for (size_t k = 0; fine && k < distances->n_length; k++) {
        tensors[k] = (struct tensor){.dtype = "F32",
                                     .n_axis = 2,
                                     .shape = {distances->n_layer, distances->n_channel},
                                     .n_byte = each * sizeof *values,
                                     .data = values + k * each};
        snprintf(tensors[k].name, sizeof tensors[k].name, "distance.%zu", distances->lengths[k]);
    }
    fine = fine && write_safetensors_with(path, metadata, tensors, distances->n_length, &start);
    json_decref(metadata);
    free(all);
    free(path);
    free(values);
    free(tensors);
    return fine;
}

bool distances_write(const struct distances *distances, const char *folder) {
    json_t *description = distances_json(distances);
    /* distance.json marks the folder */
    bool fine = (description || fail_memory()) &&
                analyze_json(folder, "distance.json", json_incref(description)) &&
                write_channels(distances, folder, description);
    fine = fine && analyze_file(folder, "distance.tsv", fill_table, distances) &&
           analyze_picture(folder, "distance", fill_script, distances);
    json_decref(description);
    return fine;
}
