/* decimamba perplexity: how well a model predicts a text. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/fail.h"
#include "cli/id_store.h"
#include "cli/json_output.h"
#include "cli/method_flags.h"
#include "cli/model_flags.h"
#include "cli/progress.h"
#include "cli/read_tokens.h"
#include "commands.h"
#include "decimamba.h"
#include "perplexity/perplexity.h"

struct settings {
    const char *directory, *file, *ids;
    size_t window, stride, target;
    bool stream, window_given, stride_given, target_given, json;
    struct model_flags model;
    struct method_flags method;
};

/* By strides every token is scored once; else the --target last ones of each window. */
static bool by_strides(const struct settings *settings) {
    return settings->window_given && !settings->target_given;
}

/* How far it has come. */
struct shown {
    struct progress progress;
    const struct token_source *source; /* NULL: in windows */
};

static void show_progress(size_t n_read, void *user) {
    struct shown *shown = user;
    if (shown->source)
        reading_update(&shown->progress, shown->source, n_read);
    else
        progress_update(&shown->progress, n_read);
}

static bool print_result(const struct settings *settings, const dm_method_options *method,
                         const struct perplexity_result *result, double seconds) {
    double mean = result->sum / (double)result->n_loss;
    double bits = result->n_byte ? result->sum / log(2) / (double)result->n_byte : NAN;
    if (settings->json)
        return print_json(json_pack(
            "{so so so so so so so so so so so so}", "text_tokens", json_size(result->n_id),
            "scored_tokens", json_size(result->n_loss), "scored_bytes",
            result->n_byte ? json_size(result->n_byte) : json_null(), "windows",
            result->n_window ? json_size(result->n_window) : json_null(), "window",
            result->n_window ? json_size(settings->window) : json_null(), "stride",
            by_strides(settings) ? json_size(settings->stride) : json_null(), "target",
            json_size(settings->target), "nats_per_token", json_number_or_null(mean), "perplexity",
            json_number_or_null(exp(mean)), "bits_per_byte", json_number_or_null(bits), "method",
            method_options_to_json(method), "seconds", json_number_or_null(seconds)));
    printf("tokens          %zu\n", result->n_loss);
    if (result->n_window)
        printf("windows         %zu\n", result->n_window);
    printf("nats per token  %.5f\n", mean);
    printf("perplexity      %.4f\n", exp(mean));
    if (result->n_byte)
        printf("bits per byte   %.5f\n", bits);
    return flush_output();
}

static bool check_lengths(const struct settings *settings, const char *name, size_t n_id) {
    if (n_id < 2)
        return fail("%s: %zu token%s: at least 2 are needed", name, n_id, n_id == 1 ? "" : "s");
    if (!settings->window_given || by_strides(settings))
        return true;
    if (settings->window <= settings->target)
        return fail_usage("--window %zu: must be larger than --target %zu", settings->window,
                          settings->target);
    if (settings->window > n_id)
        return fail("%s: %zu tokens, fewer than --window %zu", name, n_id, settings->window);
    return true;
}

static dm_status measure_windows(const struct settings *settings, const struct perplexity *task,
                                 const struct id_store *store, struct shown *shown,
                                 struct perplexity_result *result, dm_error *error) {
    const struct token_text text = id_store_text(store);
    if (by_strides(settings)) {
        progress_start(&shown->progress, "reading",
                       text.n_id / settings->target * settings->window);
        return perplexity_strided(task, &text, settings->window, result, error);
    }
    size_t window = settings->window, stride = settings->stride_given
                                                   ? settings->stride
                                                   : perplexity_stride(text.n_id, window);
    progress_start(&shown->progress, "reading",
                   perplexity_window_count(text.n_id, window, stride) * window);
    return perplexity_windows(task, &text, window, stride, result, error);
}

static bool measure(struct settings *settings, const dm_model *model, const dm_model_info *info,
                    const dm_tokenizer *tokenizer, struct token_source *source) {
    dm_method_options method;
    struct shown shown = {.source = NULL};
    struct id_store store = {0};
    struct perplexity_result result;
    dm_error error;
    if (!method_flags_resolve(&settings->method, model, &method) ||
        !method_flags_need_tail(&settings->method, settings->target + 1, &method))
        return false;
    const struct perplexity task = {.model = model,
                                    .method = &method,
                                    .vocab_size = info->vocab_size,
                                    .tokenizer = tokenizer,
                                    .target = settings->target,
                                    .progress = show_progress,
                                    .user = &shown};
    dm_status status;
    bool fine = true;
    double started = seconds_now();
    if (settings->window_given) {
        status = id_store_fill(&store, source, &error);
        fine = status || check_lengths(settings, source->input.name, store.n_id);
        if (fine && !status)
            status = measure_windows(settings, &task, &store, &shown, &result, &error);
    } else {
        shown.source = source;
        reading_start(&shown.progress, source);
        status = perplexity_stream(&task, token_source_stream(source), &result, &error);
        fine = status || check_lengths(settings, source->input.name, result.n_id);
    }
    progress_clear(&shown.progress);
    id_store_free(&store);
    if (!fine)
        return false;
    if (status)
        return fail("%s", error.message);
    tell_of_plain_reading(settings->directory, info, method_flags_choose(&settings->method),
                          settings->window_given ? settings->window : result.n_id, 0);
    return print_result(settings, &method, &result, seconds_now() - started);
}

static bool check(const struct settings *settings) {
    if (!settings->file == !settings->ids)
        return fail_usage("perplexity: give %s--file or --ids",
                          settings->file ? "only one of " : "");
    if (settings->stream && settings->window_given)
        return fail_usage(
            "perplexity: --stream reads the text once, --window in windows: give one");
    if (settings->stride_given && !settings->window_given)
        return fail_usage("perplexity: --stride has no meaning without --window");
    return !by_strides(settings) || !settings->stride_given ||
           settings->stride <= settings->window ||
           fail_usage(
               "--stride %zu: more than --window %zu, so that tokens between windows are left out",
               settings->stride, settings->window);
}

static int run(int n_argument, char **arguments) {
    struct settings settings = {.target = 100};
    struct option model_options[n_model_option], method_options[n_method_option];
    text_model_flags_table(&settings.model, model_options);
    method_flags_table(&settings.method, method_options);
    const struct option options[] = {
        {OPTION_TEXT, "file", &settings.file, "FILE", .help = "the text"},
        {OPTION_TEXT, "ids", &settings.ids, "FILE",
         .help =
             "the text as decimal ids with white space between; there are no bits per byte then"},
        {OPTION_FLAG, "stream", &settings.stream,
         .help = "read the text once, from end to end, and score every token but the first, in "
                 "blocks of --target tokens (the default). Each block sees its own tokens whole, "
                 "and what the method settings keep of all that came before"},
        {OPTION_SIZE, "window", &settings.window, "N",
         .help =
             "read windows of N tokens, each afresh, --stride apart, and score in each what the "
             "one before does not have: every token but the first is scored once. With "
             "--target, score the last tokens of each window only, as the official evaluation "
             "does",
         .min = 2, .max = 1e15, .given = &settings.window_given},
        {OPTION_SIZE, "stride", &settings.stride, "N",
         .help = "from one window's first token to the next one's (default half of --window; with "
                 "--target a tenth of what a window leaves of the text, and at least 10, as the "
                 "official evaluation has it)",
         .min = 1, .max = 1e15, .given = &settings.stride_given},
        {OPTION_SIZE, "target", &settings.target, "N",
         .help = "tokens scored at a time, in each block (default 100) or window (default: by "
                 "--stride); --keep-tail is N + 1 unless it is given",
         .min = 1, .max = 1e9, .given = &settings.target_given},
        {OPTION_FLAG, "json", &settings.json, .help = "print one JSON object"},
        {.kind = OPTION_END},
    };
    const struct option_group groups[] = {
        {"Options", options}, {METHOD_TITLE, method_options}, {"Model", model_options}, {0}};
    const char *operands[1];
    enum options_result result =
        options_read(&perplexity_command, groups, n_argument, arguments, operands);
    if (result != OPTIONS_READ)
        return options_status(result);
    settings.directory = operands[0];
    if (!check(&settings))
        return EXIT_FAILURE;
    if (by_strides(&settings)) {
        settings.stride = settings.stride_given ? settings.stride : settings.window / 2;
        settings.target = settings.stride;
    }
    method_flags_spare(&settings.method, &settings.model.settings);
    dm_model *model = NULL;
    dm_model_info info;
    dm_tokenizer *tokenizer = NULL;
    struct token_source source = {0};
    bool fine = load_model(settings.directory, &settings.model, &model, &info);
    if (fine && settings.file)
        fine = load_model_tokenizer(settings.directory, &settings.model, &tokenizer) &&
               token_source_open_text(&source, "text", NULL, settings.file, tokenizer);
    else if (fine)
        fine = token_source_open_ids(&source, "list of ids", NULL, settings.ids, info.vocab_size);
    if (fine && settings.file)
        token_source_begin(&source, tokenizer);
    fine = fine && measure(&settings, model, &info, tokenizer, &source);
    token_source_close(&source);
    dm_tokenizer_free(tokenizer);
    dm_model_free(model);
    return fine ? EXIT_SUCCESS : EXIT_FAILURE;
}

const struct command perplexity_command = {
    .name = "perplexity",
    .operands = "MODEL --file FILE",
    .summary = "Measures how well a model predicts a text.",
    .notes = "Prints tokens scored, mean loss in nats per token, perplexity, and bits per byte of "
             "the text that was scored.",
    .example = "decimamba perplexity mamba-130m --file book.txt --layers 12,13 --beta 0.83\n"
               "decimamba perplexity mamba-130m --file book.txt --window 10000",
    .min_operand = 1,
    .max_operand = 1,
    .run = run,
};
