/* decimamba analyze receptive-field: how far back the tokens lie that a prediction depends on. */
#include "analyze_receptive.h"

#include <stdlib.h>
#include <string.h>

#include "cli/fail.h"
#include "cli/json_output.h"
#include "cli/output_folder.h"
#include "cli/progress.h"
#include "mean_distance.h"

struct settings {
    struct analyze_input input;
    const char *output;
    struct size_list lengths;
    size_t n_prediction, n_window, trained;
    bool json;
};

/* All windows of all lengths, on their way. */
struct work {
    const struct settings *settings;
    dm_trainer *trainer;
    double *distances; /* [n_layer, d_inner] of one window */
    double *sums;      /* [n_layer] over channels and windows */
    struct progress progress;
    size_t done; /* tokens, each of which is read four times */
};

static int compare_sizes(const void *a, const void *b) {
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return (x > y) - (x < y);
}

/* The lengths of --lengths; or 512 and doublings of it, as far as the text and 4096 go. */
static bool choose_lengths(struct settings *settings) {
    struct size_list *lengths = &settings->lengths;
    size_t n_id = settings->input.n_id;
    bool given = lengths->n > 0;
    for (size_t length = 512; !given && length <= n_id && length <= 4096; length *= 2)
        lengths->items[lengths->n++] = length;
    if (!lengths->n)
        lengths->items[lengths->n++] = n_id;
    qsort(lengths->items, lengths->n, sizeof *lengths->items, compare_sizes);
    for (size_t i = 0; i < lengths->n; i++) {
        if (lengths->items[i] > n_id)
            return fail("%s: %zu token%s, fewer than the %zu of --lengths", settings->input.text,
                        n_id, n_id == 1 ? "" : "s", lengths->items[i]);
        if (lengths->items[i] <= settings->n_prediction)
            return fail("--predictions %zu: of %zu token%s there is none to predict them from",
                        settings->n_prediction, lengths->items[i],
                        lengths->items[i] == 1 ? "" : "s");
    }
    return true;
}

static bool make_rows(const struct settings *settings, struct receptive *receptive) {
    size_t n_id = settings->input.n_id;
    dm_error error;
    receptive->rows = calloc(settings->lengths.n, sizeof *receptive->rows);
    if (!receptive->rows)
        return fail_memory();
    for (size_t k = 0; k < settings->lengths.n; k++) {
        struct receptive_length *row = &receptive->rows[k];
        size_t length = settings->lengths.items[k], places = n_id - length + 1;
        row->length = length;
        row->n_window = settings->n_window < places ? settings->n_window : places;
        receptive->n_length++;
        if (gradient_profile_new(&row->profile, length, &error))
            return fail("%s", error.message);
    }
    return true;
}

/* Nothing is trained: the layers need no gradients and no moments, only the pass through them. */
static bool open_trainer(const struct analyze_input *input, dm_trainer **trainer) {
    static const char *const frozen[] = {"backbone.layers.*"};
    dm_trainer_options options = DM_TRAINER_OPTIONS_INIT;
    dm_error error;
    options.n_thread = input->model_flags.n_thread;
    options.dtype = model_flags_dtype(&input->model_flags);
    options.cpu = input->model_flags.cpu;
    options.method = &input->method;
    options.frozen = frozen, options.n_frozen = 1;
    options.recompute = 1; /* memory for one layer, whatever the length */
    return !dm_trainer_new(input->directory, &options, trainer, &error) ||
           fail("%s", error.message);
}

static void show_progress(size_t n_read, void *user) {
    struct work *work = user;
    progress_update(&work->progress, work->done + n_read);
}

static void add_distances(struct work *work) {
    const dm_model_info *info = &work->settings->input.info;
    for (size_t l = 0; l < info->n_layer; l++)
        for (size_t c = 0; c < info->d_inner; c++)
            work->sums[l] += work->distances[l * info->d_inner + c];
}

static bool measure_window(struct work *work, struct receptive_length *row, const int32_t *ids) {
    const struct settings *settings = work->settings;
    const dm_method_options *method = &settings->input.method;
    const struct scan_reading reading = {.model = settings->input.model,
                                         .method = method,
                                         .ids = ids,
                                         .n_id = row->length - 1,
                                         .progress = show_progress,
                                         .user = work};
    dm_error error;
    if (gradient_profile_add(&row->profile, work->trainer, ids, settings->n_prediction,
                             method->keep_tail, &error))
        return fail("%s", error.message);
    work->done += 2 * row->length;
    progress_update(&work->progress, work->done);
    if (mean_distance(&reading, settings->n_prediction, work->distances, &error))
        return fail("%s", error.message);
    work->done += 2 * row->length;
    add_distances(work);
    return true;
}

static void finish_row(const struct work *work, struct receptive_length *row) {
    const dm_model_info *info = &work->settings->input.info;
    for (size_t l = 0; l < info->n_layer; l++) {
        double mean = work->sums[l] / (double)info->d_inner / (double)row->n_window;
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
static bool measure_length(struct work *work, struct receptive_length *row) {
    const struct analyze_input *input = &work->settings->input;
    size_t last = input->n_id - row->length;
    bool fine = true;
    memset(work->sums, 0, input->info.n_layer * sizeof *work->sums);
    for (size_t w = 0; w < row->n_window && fine; w++) {
        double share = row->n_window > 1 ? (double)w / (double)(row->n_window - 1) : 0;
        fine = measure_window(work, row, input->ids + (size_t)(share * (double)last));
    }
    if (fine)
        finish_row(work, row);
    return fine;
}

static bool measure(const struct settings *settings, struct receptive *receptive) {
    const dm_model_info *info = &settings->input.info;
    struct work work = {.settings = settings};
    size_t total = 0;
    for (size_t k = 0; k < receptive->n_length; k++)
        total += 4 * receptive->rows[k].length * receptive->rows[k].n_window;
    work.distances = calloc(info->n_layer * info->d_inner, sizeof *work.distances);
    work.sums = calloc(info->n_layer, sizeof *work.sums);
    bool fine = ((work.distances && work.sums) || fail_memory()) &&
                open_trainer(&settings->input, &work.trainer);
    progress_start(&work.progress, "windows", total);
    for (size_t k = 0; k < receptive->n_length && fine; k++)
        fine = measure_length(&work, &receptive->rows[k]);
    progress_clear(&work.progress);
    dm_trainer_free(work.trainer);
    free(work.distances);
    free(work.sums);
    return fine;
}

static bool analyze(struct settings *settings, struct receptive *receptive) {
    struct analyze_input *input = &settings->input;
    struct output_folder folder = {0};
    bool fine =
        analyze_input_open(input) &&
        method_flags_need_tail(&input->method_flags, settings->n_prediction, &input->method) &&
        choose_lengths(settings) && make_rows(settings, receptive);
    if (fine && settings->output)
        fine = output_folder_open(&folder, settings->output, "receptive-field.json",
                                  "a measurement of receptive fields");
    fine = fine && measure(settings, receptive);
    if (fine && settings->output)
        fine = receptive_write(receptive, folder.path);
    output_folder_close(&folder);
    return fine && (settings->json ? print_json(receptive_json(receptive))
                                   : receptive_print(receptive) && flush_output());
}

static int run(int n_argument, char **arguments) {
    struct settings settings = {.n_prediction = 1, .n_window = 4};
    struct option model_options[n_model_option], method_options[n_method_option];
    model_flags_table(&settings.input.model_flags, model_options);
    method_flags_table(&settings.input.method_flags, method_options);
    const struct option options[] = {
        {OPTION_TEXT, "text", &settings.input.text, "FILE", .help = "the text"},
        {OPTION_SIZES, "lengths", &settings.lengths, "LIST",
         .help = "windows of so many tokens, the last of which is predicted (default 512 and "
                 "doublings of "
                 "it up to 4096, as far as the text goes)",
         .least = 2, .most = 1e9},
        {OPTION_SIZE, "windows", &settings.n_window, "N",
         .help = "take the mean over N windows of each length, from the text's beginning to its "
                 "end; a single one is its beginning",
         .least = 1, .most = 1e6},
        {OPTION_SIZE, "predictions", &settings.n_prediction, "N",
         .help = "predict the last N tokens of a window; --keep-tail is N unless it is given",
         .least = 1, .most = 4096},
        {OPTION_SIZE, "trained", &settings.trained, "N",
         .help = "mark this length as the one that the model was trained on; 0: none"},
        {OPTION_TEXT, "output", &settings.output, "FOLDER",
         .help = "write receptive-field.tsv (the table), receptive-field-profile.tsv (for each "
                 "length, the weight of a token by its distance, in bins of a quarter of a "
                 "doubling), receptive-field.json, and receptive-field.png and .svg with the "
                 "script that draws them: weight by distance, and distances by length",
         .path = true},
        {OPTION_FLAG, "json", &settings.json, .help = "print one JSON object"},
        {.kind = OPTION_END},
    };
    const struct option_group groups[] = {
        {"Options", options}, {METHOD_TITLE, method_options}, {"Model", model_options}, {0}};
    enum options_result result = options_read(&analyze_receptive_field_command, groups, n_argument,
                                              arguments, &settings.input.directory);
    if (result != OPTIONS_READ)
        return options_status(result);
    if (!settings.input.text) {
        complain("analyze receptive-field: --text is missing");
        return EXIT_FAILURE;
    }
    struct receptive receptive = {.input = &settings.input,
                                  .n_prediction = settings.n_prediction,
                                  .trained = settings.trained};
    settings.input.method_flags.trained = settings.trained;
    bool fine = analyze(&settings, &receptive);
    for (size_t k = 0; k < receptive.n_length; k++)
        gradient_profile_free(&receptive.rows[k].profile);
    free(receptive.rows);
    analyze_input_close(&settings.input);
    return fine ? EXIT_SUCCESS : EXIT_FAILURE;
}

const struct command analyze_receptive_field_command = {
    .name = "analyze receptive-field",
    .operands = "MODEL --text FILE",
    .summary = "Measures how far back a prediction depends on the text.",
    .notes = "Measured through the whole model: the gradient of the loss of a window's last token "
             "is taken back to each token's embedding, and its L2 norm, by the sum of all tokens' "
             "norms, is the token's weight. A token that was dropped counts by what the kept ones "
             "took of it before. Weights are means over windows that are spread over the text, "
             "each of which counts alike.\n\nThe table has a row for each length: how many of the "
             "nearest tokens have 50%, 90% and 99% of the weight; the weighed mean distance, where "
             "the last token that predicts has distance 0; and beside it the Mamba Mean Distance "
             "of analyze distance in the same windows, which looks at one layer at a time: the "
             "mean of the layers, and the layer where it is largest. A window whose loss has no "
             "gradient at all does not count; where there is no other, a figure is -.",
    .example = "decimamba analyze receptive-field models/books-bytes --text book.txt \\\n"
               "    --lengths 512,2048,8192 --windows 16 --trained 512 --output field",
    .min_operand = 1,
    .max_operand = 1,
    .run = run,
};
