/* decimamba analyze distance: how far back each layer looks, as the text grows. */
#include <stdlib.h>

#include "cli/fail.h"
#include "cli/json_output.h"
#include "cli/options.h"
#include "cli/table.h"
#include "mean_distance.h"
#include "view.h"

struct distances {
    struct analysis analysis;
    struct size_list lengths; /* ascending */
    size_t n_query;
    size_t n_layer, n_channel;
    double *channels; /* [lengths, n_layer, n_channel] */
    double *means;    /* [lengths, n_layer + 1] over the channels; last, over layers and channels */
};

/* ---- The work ---- */

static bool make_room(struct distances *distances) {
    size_t n, n_length = distances->lengths.n;
    distances->n_layer = distances->analysis.info.n_layer;
    distances->n_channel = distances->analysis.info.n_step;
    if (__builtin_mul_overflow(distances->n_layer, distances->n_channel, &n) ||
        __builtin_mul_overflow(n, n_length, &n))
        return fail_memory();
    distances->channels = calloc(n, sizeof *distances->channels);
    distances->means = calloc(n_length * (distances->n_layer + 1), sizeof *distances->means);
    return (distances->channels && distances->means) || fail_memory();
}

static bool prepare(struct analysis *analysis) {
    struct distances *distances = (struct distances *)analysis;
    if (!method_flags_need_tail(&analysis->method_flags, distances->n_query, &analysis->method) ||
        !choose_lengths(analysis, &distances->lengths, 16384))
        return false;
    if (distances->lengths.items[0] < distances->n_query)
        return fail_usage("--queries %zu: a text of %zu tokens has fewer", distances->n_query,
                          distances->lengths.items[0]);
    return make_room(distances);
}

static void take_means(struct distances *distances) {
    size_t n_layer = distances->n_layer, E = distances->n_channel;
    for (size_t k = 0; k < distances->lengths.n; k++) {
        double *means = distances->means + k * (n_layer + 1);
        for (size_t l = 0; l < n_layer; l++) {
            for (size_t c = 0; c < E; c++)
                means[l] += distances->channels[(k * n_layer + l) * E + c];
            means[l] /= (double)E;
            means[n_layer] += means[l] / (double)n_layer;
        }
    }
}

static bool measure(struct analysis *analysis) {
    struct distances *distances = (struct distances *)analysis;
    const struct size_list *lengths = &distances->lengths;
    size_t total = 0, each = distances->n_layer * distances->n_channel;
    dm_status status = DM_OK;
    dm_error error;
    for (size_t k = 0; k < lengths->n; k++)
        total += 2 * lengths->items[k];
    progress_start(&analysis->progress, "reading", total);
    for (size_t k = 0; k < lengths->n && !status; k++) {
        struct scan_reading reading = reading_of(analysis, analysis->ids, lengths->items[k]);
        status =
            mean_distance(&reading, distances->n_query, distances->channels + k * each, &error);
        analysis->done += 2 * lengths->items[k];
    }
    progress_clear(&analysis->progress);
    take_means(distances);
    return !status || fail("%s", error.message);
}

static double mean_at(const struct distances *distances, size_t k, size_t layer) {
    return distances->means[k * (distances->n_layer + 1) + layer];
}

/* The length at which a layer (n_layer: their mean) stops looking farther back, as
 * mean_distance.h has it; 0: not in sight. */
static size_t end_of(const struct distances *distances, size_t layer) {
    double lengths[list_capacity] = {0}, values[list_capacity] = {0};
    size_t n = distances->lengths.n;
    for (size_t k = 0; k < n; k++) {
        lengths[k] = (double)distances->lengths.items[k];
        values[k] = mean_at(distances, k, layer);
    }
    size_t end = receptive_field_end(lengths, values, n);
    return end + 1 < n ? distances->lengths.items[end] : 0;
}

/* ---- In the terminal ---- */

static void fill_by_layer(const struct distances *distances, struct table *table) {
    size_t n_layer = distances->n_layer;
    table_column(table, COLUMN_TEXT, "%s", "");
    for (size_t k = 0; k < distances->lengths.n; k++) {
        size_t length = distances->lengths.items[k];
        table_column(table, COLUMN_TEXT, "%zu%s", length,
                     length == distances->analysis.trained ? "*" : "");
    }
    table_column(table, COLUMN_COUNT, "ends at");
    for (size_t l = 0; l <= n_layer; l++) {
        size_t end = end_of(distances, l);
        if (l < n_layer)
            table_text(table, "layer %zu", l);
        else
            table_text(table, "mean");
        for (size_t k = 0; k < distances->lengths.n; k++)
            table_text(table, "%.1f", mean_at(distances, k, l));
        if (end)
            table_count(table, end);
        else
            table_missing(table);
    }
}

static bool print(const struct analysis *analysis) {
    const struct distances *distances = (const struct distances *)analysis;
    struct table table = {0};
    char reading[reading_size];
    reading_title(analysis, reading);
    printf("Mean distance in tokens, at the last %zu token%s of texts of this many tokens; %s\n\n",
           distances->n_query, distances->n_query == 1 ? "" : "s", reading);
    fill_by_layer(distances, &table);
    bool fine = table_show(&table);
    for (size_t k = 0; k < distances->lengths.n; k++)
        if (distances->lengths.items[k] == analysis->trained)
            printf("* the model was trained on this length\n");
    printf("ends at: from this length on it grows by less than %.0f%% per doubling\n",
           100 * (receptive_field_growth - 1));
    return fine;
}

/* ---- Files ---- */

static json_t *describe(const struct analysis *analysis) {
    const struct distances *distances = (const struct distances *)analysis;
    json_t *lengths = json_array(), *layers = json_array(), *mean = NULL;
    for (size_t k = 0; k < distances->lengths.n; k++)
        json_array_append_new(lengths, json_size(distances->lengths.items[k]));
    for (size_t l = 0; l <= distances->n_layer; l++) {
        json_t *means = json_array();
        size_t end = end_of(distances, l);
        for (size_t k = 0; k < distances->lengths.n; k++)
            json_array_append_new(means, json_number_or_null(mean_at(distances, k, l)));
        json_t *row = json_pack("{so so}", "mean_distance", means, "ends_at",
                                end ? json_size(end) : json_null());
        if (l == distances->n_layer)
            mean = row;
        else if (!json_object_set_new(row, "layer", json_size(l)))
            json_array_append_new(layers, row);
    }
    return json_pack("{so so so so so sf}", "queries", json_size(distances->n_query), "trained",
                     analysis->trained ? json_size(analysis->trained) : json_null(), "lengths",
                     lengths, "layers", layers, "mean", mean, "ends_below_growth",
                     receptive_field_growth);
}

static bool write_table(const struct distances *distances, const char *folder) {
    struct table table = {0};
    table_column(&table, COLUMN_COUNT, "length");
    for (size_t l = 0; l < distances->n_layer; l++)
        table_column(&table, COLUMN_NUMBER, "layer_%zu", l);
    table_column(&table, COLUMN_NUMBER, "mean");
    for (size_t k = 0; k < distances->lengths.n; k++) {
        table_count(&table, distances->lengths.items[k]);
        for (size_t l = 0; l <= distances->n_layer; l++)
            table_number(&table, mean_at(distances, k, l));
    }
    return table_save(&table, folder, "distance.tsv");
}

/* distance.N of each length, in float32. */
static bool write_channels(const struct distances *distances, const char *folder) {
    size_t each = distances->n_layer * distances->n_channel, n = distances->lengths.n, start;
    struct tensor *tensors = calloc(n, sizeof *tensors);
    float *values = malloc(n * each * sizeof *values);
    bool fine = (tensors && values) || fail_memory();
    for (size_t i = 0; fine && i < n * each; i++)
        values[i] = (float)distances->channels[i];
    for (size_t k = 0; fine && k < n; k++) {
        tensors[k] = (struct tensor){.dtype = "F32",
                                     .n_axis = 2,
                                     .shape = {distances->n_layer, distances->n_channel},
                                     .n_byte = each * sizeof *values,
                                     .data = values + k * each};
        snprintf(tensors[k].name, sizeof tensors[k].name, "distance.%zu",
                 distances->lengths.items[k]);
    }
    json_t *notes = json_pack("{ss}", "distance",
                              "[layers, channels] mean distance, of a text of this many tokens");
    if (fine)
        fine = write_tensors(&distances->analysis, folder, "distance.safetensors",
                             json_incref(notes), tensors, n, &start);
    json_decref(notes);
    free(values);
    free(tensors);
    return fine;
}

static bool write(struct analysis *analysis, const char *folder) {
    const struct distances *distances = (const struct distances *)analysis;
    char reading[reading_size], text[2 * reading_size];
    reading_title(analysis, reading);
    snprintf(text, sizeof text, "%s; mean over the channels, at the last %zu token%s", reading,
             distances->n_query, distances->n_query == 1 ? "" : "s");
    struct figure figure = view_figure(analysis, "distance", folder, text);
    return write_channels(distances, folder) && write_table(distances, folder) &&
           figure_draw(&figure);
}

static void release(struct analysis *analysis) {
    struct distances *distances = (struct distances *)analysis;
    free(distances->channels);
    free(distances->means);
}

/* ---- The view ---- */

static const struct view view = {
    .command = &analyze_distance_command,
    .mark = "distance.json",
    .work = "a measurement of distances",
    .json_or_files = true,
    .prepare = prepare,
    .measure = measure,
    .describe = describe,
    .write = write,
    .print = print,
    .release = release,
};

static int run(int n_argument, char **arguments) {
    struct distances distances = {.n_query = 16};
    const struct option options[] = {
        {OPTION_SIZES, "lengths", &distances.lengths, "LIST",
         .help =
             "read the text's first tokens, this many each time (default 512 and doublings of it "
             "up to "
             "16384, as far as the text goes)",
         .min = 1, .max = 1e9},
        {OPTION_SIZE, "queries", &distances.n_query, "N",
         .help = "take the mean over the last N tokens i; the definition has the last one alone. "
                 "--keep-tail is N unless it is given",
         .min = 1, .max = 4096},
        trained_option(&distances.analysis),
        {.kind = OPTION_END},
    };
    return view_run(&distances.analysis, &view, options, n_argument, arguments);
}

const struct command analyze_distance_command = {
    .name = "analyze distance",
    .operands = "MODEL --text FILE",
    .summary = "Measures how far back each layer looks, at several lengths.",
    .notes =
        "Mamba Mean Distance: sum_j (i - j) |M[i, j]| / sum_j |M[i, j]| for each channel, in "
        "tokens of the text, as a mean over the channels and the last tokens of the text. A layer "
        "that weighs all tokens alike is at half the length. The table has a row for each layer "
        "and a column for each length; \"ends at\" is the shortest length from which on the "
        "distance grows by less than 10% per doubling, or - where it is not in sight. The map is "
        "never made, and memory does not grow with the text, which is read twice for each length.",
    .manual = "# FILES\n\nThe folder receives distance.tsv, distance.json, distance.safetensors "
              "(distance.N [layers, channels] for each length N), and distance.png and .svg.",
    .example = "decimamba analyze distance mamba-130m --text book.txt --lengths 1000,2000 \\\n    "
               "--trained 2000 --output distances",
    .min_operand = 1,
    .max_operand = 1,
    .run = run,
};
