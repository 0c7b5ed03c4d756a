/* decimamba calibrate: proposes how to decimate, from a sample of text, and writes it down. */
#include <stdlib.h>

#include "base/memory.h"
#include "base/model_folder.h"
#include "calibrate_work.h"
#include "cli/captured_output.h"
#include "cli/fail.h"
#include "cli/json_output.h"
#include "cli/output_file.h"
#include "commands.h"

/* Whether the settings drop tokens by a score. */
static bool decimates(const struct calibrate_settings *settings) {
    return !settings->method.method_given || settings->method.kind == DM_METHOD_DECIMATE;
}

/* Whether the result can be written, as far as can be told before the long work. */
static bool possible(const struct calibrate_settings *settings) {
    return settings->dry_run || output_possible(settings->output);
}

static bool open(struct calibrate_work *work) {
    const struct calibrate_settings *settings = work->settings;
    struct token_source source = {0};
    dm_error error;
    bool fine = load_model_tokenizer(settings->directory, &settings->model, &work->tokenizer) &&
                token_source_open_text(&source, "text", NULL, settings->text, work->tokenizer);
    if (fine)
        token_source_begin(&source, work->tokenizer);
    fine = fine && (!id_store_fill(&work->text, &source, &error) || fail("%s", error.message));
    token_source_close(&source);
    return fine && load_model(settings->directory, &settings->model, &work->model, &work->info) &&
           possible(settings);
}

static bool propose(struct calibrate_work *work) {
    const struct method_flags *flags = &work->settings->method;
    if (!calibrate_length(work))
        return false;
    if (!decimates(work->settings) || (flags->layers_given && flags->score_given))
        return true;
    return calibrate_channels(work) && calibrate_layer(work) && calibrate_score(work) &&
           calibrate_compare(work);
}

static bool print_method(const dm_method_options *method) {
    json_t *all = method_options_to_json(method);
    char *text = all ? json_dumps(all, JSON_COMPACT) : NULL;
    json_decref(all);
    if (!text)
        return fail_memory();
    printf("method %s\n", text);
    free(text);
    return true;
}

/* `reasons`: the lines that were printed, whose reference is taken. */
static bool print_object(const struct calibrate_work *work, const dm_method_options *method,
                         json_t *reasons) {
    const struct calibrate_settings *settings = work->settings;
    json_t *output = settings->dry_run ? json_null() : json_string(settings->output);
    return print_json(json_pack("{so so so sb so so so}", "method", method_options_to_json(method),
                                "trained_length", json_size(work->length), "tokens_read",
                                json_size(work->n_read), "better_than_chance", work->told,
                                "passages", json_size(settings->n_passage), "output",
                                output ? output : json_null(), "reasons", reasons));
}

/* Prints what was proposed, and writes it. */
static bool write_down(struct calibrate_work *work, struct captured_output *captured) {
    const struct calibrate_settings *settings = work->settings;
    dm_calibration_options options = DM_CALIBRATION_OPTIONS_INIT;
    dm_method_options method;
    size_t layer;
    if (!calibrate_method(work, &layer, &method))
        return false;
    options.method = &method;
    options.path = settings->output;
    if (!settings->json && !print_method(&method))
        return false;
    if (!settings->dry_run && !calibrate_measure(work, &options, NULL))
        return false;
    if (settings->json) {
        json_t *reasons = captured_output_lines(captured);
        return reasons && print_object(work, &method, reasons);
    }
    printf("%zu tokens read; %s%s\n", work->n_read,
           settings->dry_run ? "nothing written to " : "written to ", settings->output);
    return flush_output();
}

static bool calibrate(struct calibrate_settings *settings) {
    struct calibrate_work work = {.settings = settings, .score = DM_SCORE_GLOBAL};
    struct captured_output captured = {.file = NULL};
    dm_method_options method;
    size_t layer;
    bool fine = open(&work) && calibrate_method(&work, &layer, &method) &&
                (!settings->json || captured_output_begin(&captured)) && propose(&work) &&
                write_down(&work, &captured);
    captured_output_end(&captured);
    free(work.log_decay);
    id_store_free(&work.text);
    dm_model_free(work.model);
    dm_tokenizer_free(work.tokenizer);
    return fine;
}

static int run(int n_argument, char **arguments) {
    struct calibrate_settings settings = {.n_passage = 4, .share = 0.1};
    struct option model_options[n_model_option], method_options[n_method_option];
    text_model_flags_table(&settings.model, model_options);
    method_flags_table(&settings.method, method_options);
    const struct option options[] = {
        {OPTION_TEXT, "text", &settings.text, "FILE",
         .help = "text like the one that the model was trained on; without --length at least 1856 "
                 "tokens"},
        {OPTION_SIZE, "length", &settings.length, "N",
         .help = "the length that the model was trained on, in tokens; the default is to find it",
         .min = 1, .max = 1e15, .given = &settings.length_given},
        {OPTION_SIZE, "passages", &settings.n_passage, "N",
         .help = "passages of that length, spread over the text, to find the global channels by",
         .min = 1, .max = 1e6},
        {OPTION_REAL, "share", &settings.share, "X",
         .help = "share of a layer's channels that are global, in (0, 1]", .min = 1e-9, .max = 1},
        {OPTION_TEXT, "output", &settings.output, "FILE",
         .help = "write the settings to this file, as for a model in a read-only folder; other "
                 "commands "
                 "read it by --settings FILE (default MODEL/decimamba.json)"},
        {OPTION_FLAG, "json", &settings.json,
         .help = "print one JSON object, in which the reasons are lines of text"},
        {OPTION_FLAG, "dry-run", &settings.dry_run, .help = "print the proposal, write nothing"},
        {.kind = OPTION_END},
    };
    const struct option_group groups[] = {
        {"Options", options},
        {"Method (layers, base length and score are proposed unless given; the rest have their "
         "usual defaults)",
         method_options},
        {"Model", model_options},
        {0}};
    enum options_result result =
        options_read(&calibrate_command, groups, n_argument, arguments, &settings.directory);
    if (result != OPTIONS_READ)
        return options_status(result);
    if (!settings.text) {
        fail_usage("calibrate: --text is missing");
        return EXIT_FAILURE;
    }
    if (settings.model.settings) {
        fail_usage(
            "calibrate: --settings: the settings are found anew; --output FILE says where they "
            "are written");
        return EXIT_FAILURE;
    }
    settings.model.settings = ""; /* what is written anew may be there, and be of any kind */
    char *own = dm_model_own_file(settings.directory, "decimamba.json");
    settings.output = settings.output ? settings.output : own;
    bool fine = own ? calibrate(&settings) : fail_memory();
    dm_memory_free(own);
    return fine ? EXIT_SUCCESS : EXIT_FAILURE;
}

const struct command calibrate_command = {
    .name = "calibrate",
    .operands = "MODEL --text FILE",
    .summary = "Proposes how to decimate, from text alone, and writes the model's decimamba.json.",
    .notes =
        "Prints its reasons, and writes the settings and each layer's global channels. No "
        "labels are needed. What a flag sets is not proposed; with --length, --layers and --score "
        "only L_base is left.\n\n- The training length: up to 16 windows of "
        "256, 512, ... 16384 tokens (as far as the text goes) that end at the same places are "
        "read by plain Mamba. Where the mean loss of their last 100 tokens is first above the "
        "lowest of the shorter windows, by a 95% interval of the difference on the same "
        "windows, the length before is taken; else the longest. It is L_base, too.\n\n- The "
        "global channels: the share of each layer's channels whose state decays slowest over "
        "passages of that length.\n\n- The layer: the one whose global channels decay at most "
        "a quarter as much as those of every other layer, since what it remembers must be "
        "chosen at it; where there is none, the first layer whose mean distance is at least "
        "half of the greatest.\n\n- The score: global, unless norm keeps 90% of the tokens "
        "that global keeps. The tokens that the global channels prefer are shown.\n\n- The "
        "proposal is compared with the other score, and with the layer below by norm, on the "
        "loss of windows twice as long (1024 tokens at least). One whose loss is lower, by a "
        "95% interval of the difference, takes its place; but not where the loss is no better "
        "than chance, nor where the training length was the longest that was tried.",
    .example = "decimamba calibrate models/passkey-512 --text data/books/26618.txt --dry-run",
    .min_operand = 1,
    .max_operand = 1,
    .run = run,
};
