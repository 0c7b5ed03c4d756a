/* decimamba analyze distance: how far back each layer looks, as the text grows. */
#include "analyze_distance.h"

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
    size_t trained, n_query;
    bool json;
};

struct counting {
    struct progress progress;
    size_t done; /* tokens of the lengths before this one */
};

static void show_progress(size_t n_read, void *user) {
    struct counting *counting = user;
    progress_update(&counting->progress, counting->done + n_read);
}

static void sort(struct size_list *lengths) {
    for (size_t i = 1; i < lengths->n; i++) {
        size_t length = lengths->items[i], place = i;
        for (; place && lengths->items[place - 1] > length; place--)
            lengths->items[place] = lengths->items[place - 1];
        lengths->items[place] = length;
    }
}

/* The lengths of --lengths; or 512 and doublings of it, as far as the text and 16384 go. */
static bool choose_lengths(struct settings *settings) {
    struct size_list *lengths = &settings->lengths;
    size_t n_id = settings->input.n_id;
    bool given = lengths->n > 0;
    for (size_t length = 512; !given && length <= n_id && length <= 16384; length *= 2)
        lengths->items[lengths->n++] = length;
    if (!lengths->n)
        lengths->items[lengths->n++] = n_id;
    sort(lengths);
    for (size_t i = 0; i < lengths->n; i++) {
        if (lengths->items[i] > n_id)
            return fail("%s: %zu token%s, fewer than the %zu of --lengths", settings->input.text,
                        n_id, n_id == 1 ? "" : "s", lengths->items[i]);
        if (lengths->items[i] < settings->n_query)
            return fail("--queries %zu: a text of %zu tokens has not so many", settings->n_query,
                        lengths->items[i]);
    }
    return true;
}

static bool make_room(const struct settings *settings, struct distances *distances) {
    size_t n;
    distances->lengths = settings->lengths.items;
    distances->n_length = settings->lengths.n;
    distances->n_layer = settings->input.info.n_layer;
    distances->n_channel = settings->input.info.d_inner;
    if (__builtin_mul_overflow(distances->n_layer, distances->n_channel, &n) ||
        __builtin_mul_overflow(n, distances->n_length, &n))
        return fail_memory();
    distances->channels = calloc(n, sizeof *distances->channels);
    distances->means =
        calloc(distances->n_length * (distances->n_layer + 1), sizeof *distances->means);
    return (distances->channels && distances->means) || fail_memory();
}

static void take_means(struct distances *distances) {
    size_t n_layer = distances->n_layer, E = distances->n_channel;
    for (size_t k = 0; k < distances->n_length; k++) {
        double *means = distances->means + k * (n_layer + 1);
        for (size_t l = 0; l < n_layer; l++) {
            for (size_t c = 0; c < E; c++)
                means[l] += distances->channels[(k * n_layer + l) * E + c];
            means[l] /= (double)E;
            means[n_layer] += means[l] / (double)n_layer;
        }
    }
}

static bool measure(const struct analyze_input *input, struct distances *distances) {
    struct counting counting = {.done = 0};
    dm_error error;
    size_t total = 0;
    dm_status status = DM_OK;
    for (size_t k = 0; k < distances->n_length; k++)
        total += 2 * distances->lengths[k];
    progress_start(&counting.progress, "reading", total);
    for (size_t k = 0; k < distances->n_length && !status; k++) {
        const struct scan_reading reading = {.model = input->model,
                                             .method = &input->method,
                                             .ids = input->ids,
                                             .n_id = distances->lengths[k],
                                             .progress = show_progress,
                                             .user = &counting};
        status = mean_distance(&reading, distances->n_query,
                               distances->channels + k * distances->n_layer * distances->n_channel,
                               &error);
        counting.done += 2 * distances->lengths[k];
    }
    progress_clear(&counting.progress);
    take_means(distances);
    return !status || fail("%s", error.message);
}

static bool analyze(struct settings *settings, struct distances *distances) {
    struct analyze_input *input = &settings->input;
    struct output_folder folder = {0};
    bool fine = analyze_input_open(input) &&
                method_flags_need_tail(&input->method_flags, settings->n_query, &input->method) &&
                choose_lengths(settings) && make_room(settings, distances);
    if (fine && settings->output)
        fine = output_folder_open(&folder, settings->output, "distance.json",
                                  "a measurement of distances");
    fine = fine && measure(input, distances);
    if (fine && settings->output)
        fine = distances_write(distances, folder.path);
    output_folder_close(&folder);
    return fine && (settings->json ? print_json(distances_json(distances))
                                   : distances_print(distances) && flush_output());
}

static int run(int n_argument, char **arguments) {
    struct settings settings = {.n_query = 16};
    struct option model_options[n_model_option], method_options[n_method_option];
    model_flags_table(&settings.input.model_flags, model_options);
    method_flags_table(&settings.input.method_flags, method_options);
    const struct option options[] = {
        {OPTION_TEXT, "text", &settings.input.text, "FILE", .help = "the text"},
        {OPTION_SIZES, "lengths", &settings.lengths, "LIST",
         .help = "read the text's first tokens, so many each time (default 512 and doublings of it "
                 "up to "
                 "16384, as far as the text goes)",
         .least = 1, .most = 1e9},
        {OPTION_SIZE, "queries", &settings.n_query, "N",
         .help = "take the mean over the last N tokens i; the definition has the last one alone. "
                 "--keep-tail is N unless it is given",
         .least = 1, .most = 4096},
        {OPTION_SIZE, "trained", &settings.trained, "N",
         .help = "mark this length as the one that the model was trained on; 0: none"},
        {OPTION_TEXT, "output", &settings.output, "FOLDER",
         .help = "write distance.tsv, distance.json, distance.safetensors (distance.N [layers, "
                 "channels] for each length N), and distance.png and .svg with the script that "
                 "draws them",
         .path = true},
        {OPTION_FLAG, "json", &settings.json, .help = "print one JSON object"},
        {.kind = OPTION_END},
    };
    const struct option_group groups[] = {
        {"Options", options}, {METHOD_TITLE, method_options}, {"Model", model_options}, {0}};
    enum options_result result = options_read(&analyze_distance_command, groups, n_argument,
                                              arguments, &settings.input.directory);
    if (result != OPTIONS_READ)
        return options_status(result);
    if (!settings.input.text) {
        complain("analyze distance: --text is missing");
        return EXIT_FAILURE;
    }
    if (settings.json && settings.output) {
        complain("analyze distance: --json prints what --output writes as distance.json: give one");
        return EXIT_FAILURE;
    }
    struct distances distances = {
        .input = &settings.input, .n_query = settings.n_query, .trained = settings.trained};
    settings.input.method_flags.trained = settings.trained;
    bool fine = analyze(&settings, &distances);
    free(distances.channels);
    free(distances.means);
    analyze_input_close(&settings.input);
    return fine ? EXIT_SUCCESS : EXIT_FAILURE;
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
    .example = "decimamba analyze distance mamba-130m --text book.txt --lengths 1000,2000 \\\n"
               "    --trained 2000 --output distances",
    .min_operand = 1,
    .max_operand = 1,
    .run = run,
};
