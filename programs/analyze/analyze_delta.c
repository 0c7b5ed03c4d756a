/* decimamba analyze delta: what the layers' step Delta says of a text's tokens, and which of them
 * are kept. */
#include "analyze_delta.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/fail.h"
#include "cli/output_folder.h"
#include "cli/progress.h"

struct settings {
    struct analyze_input input;
    const char *output;
    size_t length, most_bins, from, count;
    bool length_given, from_given, count_given;
};

/* ---- The map, looked at ---- */

size_t delta_passed(const struct delta *delta, size_t token) {
    size_t n = 0;
    while (n < delta->n_dropping && delta->map.dropped_by[token] > delta->dropping[n])
        n++;
    return n;
}

size_t delta_piece_passed(const struct delta *delta, const struct delta_piece *piece) {
    size_t most = 0;
    for (size_t t = piece->token; t < piece->token + piece->n_token; t++) {
        size_t passed = delta_passed(delta, t);
        most = passed > most ? passed : most;
    }
    return most;
}

size_t delta_bin_start(const struct delta *delta, size_t bin) {
    return (size_t)((double)bin * (double)delta->length / (double)delta->n_bin);
}

double delta_bin_score(const struct delta *delta, size_t layer, size_t bin) {
    const float *scores = delta->map.scores + layer * delta->length;
    double sum = 0;
    size_t n = 0;
    for (size_t t = delta_bin_start(delta, bin); t < delta_bin_start(delta, bin + 1); t++)
        if (!isnan(scores[t])) {
            sum += (double)scores[t];
            n++;
        }
    return n ? sum / (double)n : NAN;
}

const char *delta_score_title(const struct delta *delta) {
    static const char *const titles[] = {
        [DM_SCORE_NORM] = "norm of Delta",
        [DM_SCORE_MEAN] = "mean of Delta",
        [DM_SCORE_GLOBAL] = "norm of Delta over the slow channels",
    };
    return titles[delta->input->method.score];
}

static int compare_reals(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Each layer's colours go from the first to the last hundredth of its cells, so that a few extremes
 * do not rule them. */
static bool choose_ranges(struct delta *delta) {
    size_t n_layer = delta->map.n_layer;
    double *cells = calloc(delta->n_bin, sizeof *cells);
    delta->low = calloc(n_layer, sizeof *delta->low);
    delta->high = calloc(n_layer, sizeof *delta->high);
    bool fine = (cells && delta->low && delta->high) || fail_memory();
    for (size_t layer = 0; fine && layer < n_layer; layer++) {
        size_t n = 0;
        for (size_t bin = 0; bin < delta->n_bin; bin++) {
            cells[n] = delta_bin_score(delta, layer, bin);
            n += cells[n] > 0;
        }
        qsort(cells, n, sizeof *cells, compare_reals);
        if (n) {
            delta->low[layer] = cells[(n - 1) / 100];
            delta->high[layer] = cells[n - 1 - (n - 1) / 100];
        }
    }
    free(cells);
    return fine;
}

static bool list_dropping(struct delta *delta) {
    const dm_method_options *method = &delta->input->method;
    delta->n_dropping = method->kind == DM_METHOD_NONE ? 0 : method->n_layer;
    delta->dropping = calloc(delta->n_dropping + 1, sizeof *delta->dropping);
    if (!delta->dropping)
        return fail_memory();
    for (size_t i = 0; i < delta->n_dropping; i++) {
        size_t place = i;
        for (; place && delta->dropping[place - 1] > method->layers[i]; place--)
            delta->dropping[place] = delta->dropping[place - 1];
        delta->dropping[place] = method->layers[i];
    }
    return true;
}

/* ---- The work ---- */

/* Whether it is a score of Delta, which is what the map shows. */
static bool check_score(const dm_method_options *method) {
    return method->score <= DM_SCORE_GLOBAL ||
           fail("--score %s: it is no score of Delta", score_name(method->score));
}

static bool choose_length(const struct settings *settings, struct delta *delta) {
    const struct analyze_input *input = delta->input;
    delta->length = settings->length < input->n_id ? settings->length : input->n_id;
    if (settings->length_given && settings->length > input->n_id)
        return fail("%s: %zu token%s, fewer than --length %zu", input->text, input->n_id,
                    input->n_id == 1 ? "" : "s", settings->length);
    if (settings->from_given && settings->from >= delta->length)
        return fail("--from %zu: tokens 0 to %zu are looked at", settings->from, delta->length - 1);
    delta->n_bin = settings->most_bins < delta->length ? settings->most_bins : delta->length;
    return true;
}

static bool make_text(struct delta *delta) {
    dm_tokenizer *tokenizer = NULL;
    bool fine = load_tokenizer(delta->input->directory, &tokenizer) &&
                delta_text_make(tokenizer, delta->input->ids, delta->length, &delta->text);
    dm_tokenizer_free(tokenizer);
    return fine;
}

static void show_progress(size_t n_read, void *user) {
    progress_update(user, n_read);
}

static bool read_map(struct delta *delta) {
    const struct analyze_input *input = delta->input;
    struct progress progress;
    dm_error error;
    const struct delta_reading reading = {.model = input->model,
                                          .method = &input->method,
                                          .ids = input->ids,
                                          .n_id = delta->length,
                                          .progress = show_progress,
                                          .user = &progress};
    progress_start(&progress, "reading", delta->length);
    dm_status status = delta_map_read(&reading, &delta->map, &error);
    progress_clear(&progress);
    return !status || fail("%s", error.message);
}

static bool analyze(struct settings *settings, struct delta *delta) {
    struct output_folder folder = {0};
    bool fine = analyze_input_open(&settings->input) && check_score(&settings->input.method) &&
                choose_length(settings, delta) && list_dropping(delta) && make_text(delta) &&
                output_folder_open(&folder, settings->output, "delta.json", "a map of Delta") &&
                read_map(delta) && choose_ranges(delta) && delta_write(delta, folder.path);
    output_folder_close(&folder);
    if (!fine)
        return false;
    delta_print_table(delta);
    size_t count = settings->count_given ? settings->count : settings->from_given ? 800 : 0;
    delta_print_text(delta, settings->from, count);
    printf("written to %s: delta.html shows all of the text\n", settings->output);
    return flush_output();
}

static void release(struct delta *delta) {
    delta_map_free(&delta->map);
    delta_text_free(&delta->text);
    free(delta->dropping);
    free(delta->low);
    free(delta->high);
}

static int run(int n_argument, char **arguments) {
    struct settings settings = {.length = 2048, .most_bins = 1000};
    struct option model_options[n_model_option], method_options[n_method_option];
    model_flags_table(&settings.input.model_flags, model_options);
    method_flags_table(&settings.input.method_flags, method_options);
    const struct option options[] = {
        {OPTION_TEXT, "text", &settings.input.text, "FILE", .help = "the text"},
        {OPTION_SIZE, "length", &settings.length, "N",
         .help = "look at the text's first N tokens (default 2048, or as many as there are)",
         .least = 1, .most = 1e9, .given = &settings.length_given},
        {OPTION_SIZE, "bins", &settings.most_bins, "N",
         .help = "columns of the map, each the mean over its tokens; where there are fewer tokens, "
                 "one for each",
         .least = 1, .most = 4096},
        {OPTION_SIZE, "from", &settings.from, "N",
         .help =
             "print the text from token N on, counted from 0 (default: its beginning and its end)",
         .least = 0, .most = 1e9, .given = &settings.from_given},
        {OPTION_SIZE, "count", &settings.count, "N", .help = "print N tokens (default 800)",
         .least = 1, .most = 1e9, .given = &settings.count_given},
        {OPTION_TEXT, "output", &settings.output, "FOLDER",
         .help = "where the files go: a new folder, an empty one, or one that has such a map",
         .path = true},
        {.kind = OPTION_END},
    };
    const struct option_group groups[] = {
        {"Options", options}, {METHOD_TITLE, method_options}, {"Model", model_options}, {0}};
    enum options_result result = options_read(&analyze_delta_command, groups, n_argument, arguments,
                                              &settings.input.directory);
    if (result != OPTIONS_READ)
        return options_status(result);
    if (!settings.input.text || !settings.output) {
        complain("analyze delta: %s is missing", settings.input.text ? "--output" : "--text");
        return EXIT_FAILURE;
    }
    struct delta delta = {.input = &settings.input};
    bool fine = analyze(&settings, &delta);
    release(&delta);
    analyze_input_close(&settings.input);
    return fine ? EXIT_SUCCESS : EXIT_FAILURE;
}

const struct command analyze_delta_command = {
    .name = "analyze delta",
    .operands = "MODEL --text FILE --output FOLDER",
    .summary = "Shows each token's Delta at each layer, and which tokens are kept.",
    .notes =
        "Delta is how far a layer's state moves at a token. The score is the one that decides "
        "(--score); it is shown of every token that enters a layer, whether or not the layer drops "
        "tokens.\n\nThe map has a row for each layer, from the lowest upwards, and the text from "
        "left to right. Its colours follow the logarithm of the score, in each layer from the 1st "
        "to the 99th percentile of what is drawn, which stand at the right of its row; what a "
        "layer below has dropped is grey. Under the map stands, for each layer that drops tokens, "
        "the share that is there after it.\n\nThe text is printed once for each layer that drops "
        "tokens: in a terminal with the kept tokens bold and the others dim; elsewhere, or where "
        "NO_COLOR is set, with the kept ones in [brackets]. Control characters are shown as "
        "pictures. A character that is split between tokens counts as the one of them that got "
        "farthest. Of a text of more than 800 tokens the first and the last 400 are printed, "
        "unless --from or --count is given.",
    .manual =
        "# FILES\n\nThe folder receives delta.html, a page that needs nothing beside it: the "
        "picture, a table, and the text with each token marked by the layer that dropped it, and "
        "with its scores where the pointer rests on it; delta.png and delta.svg with the script "
        "and the table that they are drawn from (delta.gp, delta.tsv); delta-tokens.tsv, a row for "
        "each token: its place, id, text, the layer that dropped it (- where none did) and its "
        "score at each layer (nan where it was dropped below); and delta.json.",
    .example = "decimamba analyze delta models/passkey-512 --text prompt.txt \\\n"
               "    --base-length 256 --output delta",
    .min_operand = 1,
    .max_operand = 1,
    .run = run,
};
