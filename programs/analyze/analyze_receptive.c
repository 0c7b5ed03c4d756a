/* decimamba analyze receptive-field: how far back the tokens lie that a prediction depends on. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/fail.h"
#include "cli/json_output.h"
#include "cli/options.h"
#include "cli/table.h"
#include "mean_distance.h"
#include "receptive_field_gradient.h"
#include "view.h"

enum { n_share = 3 };
static const double shares[n_share] = {0.5, 0.9, 0.99};

struct row {
    size_t length, n_window; /* that were read */
    struct gradient_profile profile;
    /* Mamba Mean Distance over channels and windows */
    double attention; /* mean of the layers */
    double farthest;  /* of the layer where it is largest */
    size_t farthest_layer;
};

struct receptive {
    struct analysis analysis;
    struct size_list lengths;
    size_t n_prediction, n_window;
    struct row *rows; /* [n_row], by ascending length */
    size_t n_row;
    dm_trainer *trainer;
    double *distances; /* [n_layer, n_step] of one window */
    double *sums;      /* [n_layer] over channels and windows */
};

/* ---- The work ---- */

static bool make_rows(struct receptive *receptive) {
    dm_error error;
    receptive->rows = calloc(receptive->lengths.n, sizeof *receptive->rows);
    if (!receptive->rows)
        return fail_memory();
    for (size_t k = 0; k < receptive->lengths.n; k++) {
        struct row *row = &receptive->rows[k];
        size_t length = receptive->lengths.items[k];
        size_t places = receptive->analysis.n_id - length + 1;
        row->length = length;
        row->n_window = receptive->n_window < places ? receptive->n_window : places;
        receptive->n_row++;
        if (gradient_profile_new(&row->profile, length, &error))
            return fail("%s", error.message);
    }
    return true;
}

static bool prepare(struct analysis *analysis) {
    struct receptive *receptive = (struct receptive *)analysis;
    if (!method_flags_need_tail(&analysis->method_flags, receptive->n_prediction,
                                &analysis->method) ||
        !choose_lengths(analysis, &receptive->lengths, 4096))
        return false;
    size_t shortest = receptive->lengths.items[0];
    if (shortest <= receptive->n_prediction)
        return fail_usage("--predictions %zu: of %zu token%s there is none to predict them from",
                          receptive->n_prediction, shortest, shortest == 1 ? "" : "s");
    return make_rows(receptive);
}

/* Nothing is trained: the layers need no gradients and no moments, only the pass through them. */
static bool open_trainer(struct receptive *receptive) {
    static const char *const frozen[] = {"backbone.layers.*"};
    const struct analysis *analysis = &receptive->analysis;
    dm_trainer_options options = DM_TRAINER_OPTIONS_INIT;
    dm_error error;
    options.n_thread = analysis->model_flags.n_thread;
    options.dtype = model_flags_dtype(&analysis->model_flags);
    options.cpu = analysis->model_flags.cpu;
    options.method = &analysis->method;
    options.frozen = frozen, options.n_frozen = 1;
    options.recompute = 1; /* memory for one layer, whatever the length */
    return !dm_trainer_new(analysis->directory, &options, &receptive->trainer, &error) ||
           fail("%s", error.message);
}

static void add_distances(struct receptive *receptive) {
    const dm_model_info *info = &receptive->analysis.info;
    for (size_t l = 0; l < info->n_layer; l++)
        for (size_t c = 0; c < info->n_step; c++)
            receptive->sums[l] += receptive->distances[l * info->n_step + c];
}

/* Each token is read four times. */
static bool measure_window(struct receptive *receptive, struct row *row, const int32_t *ids) {
    struct analysis *analysis = &receptive->analysis;
    struct scan_reading reading = reading_of(analysis, ids, row->length - 1);
    dm_error error;
    if (gradient_profile_add(&row->profile, receptive->trainer, ids, receptive->n_prediction,
                             analysis->method.keep_tail, &error))
        return fail("%s", error.message);
    analysis->done += 2 * row->length;
    show_reading(0, analysis);
    if (mean_distance(&reading, receptive->n_prediction, receptive->distances, &error))
        return fail("%s", error.message);
    analysis->done += 2 * row->length;
    add_distances(receptive);
    return true;
}

static void finish_row(const struct receptive *receptive, struct row *row) {
    const dm_model_info *info = &receptive->analysis.info;
    for (size_t l = 0; l < info->n_layer; l++) {
        double mean = receptive->sums[l] / (double)info->n_step / (double)row->n_window;
        row->attention += mean / (double)info->n_layer;
        if (mean > row->farthest) {
            row->farthest = mean;
            row->farthest_layer = l;
        }
    }
    gradient_profile_finish(&row->profile);
}

/* Windows are spread over the text, from its beginning to its end; a single one is its beginning.
 */
static bool measure_length(struct receptive *receptive, struct row *row) {
    const struct analysis *analysis = &receptive->analysis;
    size_t last = analysis->n_id - row->length;
    bool fine = true;
    memset(receptive->sums, 0, analysis->info.n_layer * sizeof *receptive->sums);
    for (size_t w = 0; w < row->n_window && fine; w++) {
        double share = row->n_window > 1 ? (double)w / (double)(row->n_window - 1) : 0;
        fine = measure_window(receptive, row, analysis->ids + (size_t)(share * (double)last));
    }
    if (fine)
        finish_row(receptive, row);
    return fine;
}

static bool measure(struct analysis *analysis) {
    struct receptive *receptive = (struct receptive *)analysis;
    const dm_model_info *info = &analysis->info;
    size_t total = 0;
    for (size_t k = 0; k < receptive->n_row; k++)
        total += 4 * receptive->rows[k].length * receptive->rows[k].n_window;
    receptive->distances = calloc(info->n_layer * info->n_step, sizeof *receptive->distances);
    receptive->sums = calloc(info->n_layer, sizeof *receptive->sums);
    bool fine =
        ((receptive->distances && receptive->sums) || fail_memory()) && open_trainer(receptive);
    progress_start(&analysis->progress, "windows", total);
    for (size_t k = 0; k < receptive->n_row && fine; k++)
        fine = measure_length(receptive, &receptive->rows[k]);
    progress_clear(&analysis->progress);
    return fine;
}

/* ---- In the terminal ---- */

/* What there is no gradient for is missing. */
static void fill_by_length(const struct receptive *receptive, struct table *table) {
    static const struct table_column columns[] = {
        {.name = "length ", .type = COLUMN_COUNT, .width = 8},
        {.name = "windows", .type = COLUMN_COUNT},
        {.name = "50%", .type = COLUMN_COUNT, .width = 6},
        {.name = "90%", .type = COLUMN_COUNT, .width = 6},
        {.name = "99%", .type = COLUMN_COUNT, .width = 6},
        {.name = "gradient", .type = COLUMN_NUMBER, .format = "%.1f", .width = 10},
        {.name = "attention", .type = COLUMN_NUMBER, .format = "%.1f"},
        {.name = "farthest layer", .type = COLUMN_TEXT},
    };
    table_columns(table, columns, sizeof columns / sizeof *columns);
    for (size_t k = 0; k < receptive->n_row; k++) {
        const struct row *row = &receptive->rows[k];
        table_text(table, "%zu%s", row->length,
                   row->length == receptive->analysis.trained ? "*" : " ");
        table_count(table, row->profile.n_window);
        for (int i = 0; i < n_share; i++) {
            size_t n = gradient_profile_within(&row->profile, shares[i]);
            if (n)
                table_count(table, n);
            else
                table_missing(table);
        }
        table_number(table, row->profile.n_window ? gradient_profile_mean(&row->profile) : NAN);
        table_number(table, row->attention);
        table_text(table, "%.1f (%zu)", row->farthest, row->farthest_layer);
    }
}

static bool print(const struct analysis *analysis) {
    const struct receptive *receptive = (const struct receptive *)analysis;
    struct table table = {0};
    char reading[reading_size];
    bool flat = false, marked = false;
    reading_title(analysis, reading);
    if (receptive->n_prediction == 1)
        printf("How far back the last token of a window depends on the text; %s\n\n", reading);
    else
        printf("How far back the last %zu tokens of a window depend on the text; %s\n\n",
               receptive->n_prediction, reading);
    printf("                    nearest tokens with        mean distance in tokens of\n");
    fill_by_length(receptive, &table);
    bool fine = table_show(&table);
    for (size_t k = 0; k < receptive->n_row; k++) {
        const struct row *row = &receptive->rows[k];
        flat |= row->profile.n_window < row->n_window;
        marked |= row->length == analysis->trained;
    }
    if (marked)
        printf("* the model was trained on this length\n");
    if (flat)
        printf("windows whose loss has a gradient of 0 do not count\n");
    return fine;
}

/* ---- Files ---- */

static json_t *row_json(const struct row *row) {
    json_t *within = json_object();
    for (int i = 0; i < n_share; i++) {
        char key[16];
        size_t n = gradient_profile_within(&row->profile, shares[i]);
        snprintf(key, sizeof key, "%g", shares[i]);
        json_object_set_new(within, key, n ? json_size(n) : json_null());
    }
    bool any = row->profile.n_window > 0;
    return json_pack(
        "{so so so so so so so so so}", "length", json_size(row->length), "windows",
        json_size(row->profile.n_window), "within", within, "mean_distance",
        json_number_or_null(gradient_profile_mean(&row->profile)), "attention_mean_distance",
        json_number_or_null(row->attention), "farthest_layer", json_size(row->farthest_layer),
        "farthest_layer_mean_distance", json_number_or_null(row->farthest), "nats_per_prediction",
        any ? json_number_or_null(row->profile.loss) : json_null(), "gradient_norm",
        any ? json_number_or_null(row->profile.norm) : json_null());
}

static json_t *describe(const struct analysis *analysis) {
    const struct receptive *receptive = (const struct receptive *)analysis;
    json_t *lengths = json_array();
    for (size_t k = 0; k < receptive->n_row; k++)
        json_array_append_new(lengths, row_json(&receptive->rows[k]));
    return json_pack("{so so so}", "predictions", json_size(receptive->n_prediction), "trained",
                     analysis->trained ? json_size(analysis->trained) : json_null(), "lengths",
                     lengths);
}

static bool write_table(const struct receptive *receptive, const char *folder) {
    struct table table = {0};
    table_file_columns(&table, "length:count windows:count within_50:count within_90:count "
                               "within_99:count mean_distance:number "
                               "attention_mean_distance:number farthest_layer_mean_distance:number "
                               "farthest_layer:count nats_per_prediction:number "
                               "gradient_norm:number");
    for (size_t k = 0; k < receptive->n_row; k++) {
        const struct row *row = &receptive->rows[k];
        table_count(&table, row->length);
        table_count(&table, row->profile.n_window);
        for (int i = 0; i < n_share; i++)
            table_count(&table, gradient_profile_within(&row->profile, shares[i]));
        table_number(&table, gradient_profile_mean(&row->profile));
        table_number(&table, row->attention);
        table_number(&table, row->farthest);
        table_count(&table, row->farthest_layer);
        table_number(&table, row->profile.loss);
        table_number(&table, row->profile.norm);
    }
    return table_save(&table, folder, "receptive-field.tsv");
}

/* Bins of distances: from `first` to `last`, the weight of a token as their mean, and all weight up
 * to there. */
static bool write_profile(const struct receptive *receptive, const char *folder) {
    struct table table = {0};
    enum { per_doubling = 4 };
    table_file_columns(&table, "length:count first:count last:count weight:number within:number");
    for (size_t k = 0; k < receptive->n_row; k++) {
        const struct gradient_profile *profile = &receptive->rows[k].profile;
        double within = 0;
        for (size_t first = 0, end; first < profile->n_distance && profile->n_window; first = end) {
            double sum = 0;
            end = gradient_profile_bin_end(profile, first, per_doubling);
            for (size_t d = first; d < end; d++)
                sum += profile->weights[d];
            within += sum;
            table_count(&table, receptive->rows[k].length);
            table_count(&table, first);
            table_count(&table, end - 1);
            table_number(&table, sum / (double)(end - first));
            table_number(&table, within);
        }
    }
    return table_save(&table, folder, "receptive-field-profile.tsv");
}

static bool write(struct analysis *analysis, const char *folder) {
    const struct receptive *receptive = (const struct receptive *)analysis;
    char reading[reading_size], text[2 * reading_size];
    reading_title(analysis, reading);
    if (receptive->n_prediction == 1)
        snprintf(text, sizeof text, "%s; gradient of the last token's loss", reading);
    else
        snprintf(text, sizeof text, "%s; gradient of the loss of the last %zu tokens", reading,
                 receptive->n_prediction);
    struct figure figure = view_figure(analysis, "receptive-field", folder, text);
    return write_table(receptive, folder) && write_profile(receptive, folder) &&
           figure_draw(&figure);
}

static void release(struct analysis *analysis) {
    struct receptive *receptive = (struct receptive *)analysis;
    for (size_t k = 0; k < receptive->n_row; k++)
        gradient_profile_free(&receptive->rows[k].profile);
    free(receptive->rows);
    dm_trainer_free(receptive->trainer);
    free(receptive->distances);
    free(receptive->sums);
}

/* ---- The view ---- */

static const struct view view = {
    .command = &analyze_receptive_field_command,
    .mark = "receptive-field.json",
    .work = "a measurement of receptive fields",
    .prepare = prepare,
    .measure = measure,
    .describe = describe,
    .write = write,
    .print = print,
    .release = release,
};

static int run(int n_argument, char **arguments) {
    struct receptive receptive = {.n_prediction = 1, .n_window = 4};
    const struct option options[] = {
        {OPTION_SIZES, "lengths", &receptive.lengths, "LIST",
         .help = "windows of this many tokens, the last of which is predicted (default 512 and "
                 "doublings of "
                 "it up to 4096, as far as the text goes)",
         .min = 2, .max = 1e9},
        {OPTION_SIZE, "windows", &receptive.n_window, "N",
         .help = "take the mean over N windows of each length, from the text's beginning to its "
                 "end; a single one is its beginning",
         .min = 1, .max = 1e6},
        {OPTION_SIZE, "predictions", &receptive.n_prediction, "N",
         .help = "predict the last N tokens of a window; --keep-tail is N unless it is given",
         .min = 1, .max = 4096},
        trained_option(&receptive.analysis),
        {.kind = OPTION_END},
    };
    return view_run(&receptive.analysis, &view, options, n_argument, arguments);
}

const struct command analyze_receptive_field_command = {
    .name = "analyze receptive-field",
    .operands = "MODEL --text FILE",
    .summary = "Measures how far back a prediction depends on the text.",
    .notes =
        "Measured through the whole model: the gradient of the loss of a window's last token "
        "is taken back to each token's embedding, and its L2 norm, by the sum of all tokens' "
        "norms, is the token's weight. A token that was dropped counts by what the kept ones "
        "took of it before. Weights are means over windows that are spread over the text, "
        "each of which counts alike.\n\nThe table has a row for each length: how many of the "
        "nearest tokens have 50%, 90% and 99% of the weight; the weighted mean distance, where "
        "the last token that predicts has distance 0; and beside it the Mamba Mean Distance "
        "of analyze distance in the same windows, which looks at one layer at a time: the "
        "mean of the layers, and the layer where it is largest. A window whose loss has no "
        "gradient at all does not count; where there is no other, a figure is -.",
    .manual = "# FILES\n\nThe folder receives receptive-field.tsv (the table), "
              "receptive-field-profile.tsv (for each length, the weight of a token by its "
              "distance, in bins of a quarter of a doubling), receptive-field.json, and "
              "receptive-field.png and .svg: weight by distance, and distances by length.",
    .example = "decimamba analyze receptive-field models/books-bytes --text book.txt \\\n    "
               "--lengths 512,2048,8192 --windows 16 --trained 512 --output field",
    .min_operand = 1,
    .max_operand = 1,
    .run = run,
};
