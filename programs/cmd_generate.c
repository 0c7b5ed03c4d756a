/* decimamba generate: reads a prompt of any length and continues it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/grow.h"
#include "cli/fail.h"
#include "cli/generation.h"
#include "cli/json_output.h"
#include "cli/method_flags.h"
#include "cli/model_flags.h"
#include "cli/output_file.h"
#include "cli/progress.h"
#include "cli/read_tokens.h"
#include "commands.h"
#include "decimamba.h"

struct settings {
    const char *directory, *prompt, *file, *ids, *save_session, *load_session;
    size_t max_tokens;
    dm_sampler_options sampler;
    struct text_list stops;
    bool ignore_end, json, print_ids;
    bool temperature_given, seed_given;
    struct model_flags model;
    struct method_flags method;
};

/* What one run holds. */
struct work {
    struct settings *settings;
    dm_tokenizer *tokenizer;
    dm_model *model;
    dm_model_info info;
    struct token_source prompt;
    struct generation generation;
    double read_seconds;
    char *text; /* with --json: what would have been printed */
    size_t n_byte, capacity;
    bool unended; /* the text printed so far lacks a line's end */
};

static bool show_id(int32_t id, void *user) {
    struct work *work = user;
    if (!work->settings->print_ids || work->settings->json)
        return true;
    printf("%s%d", work->generation.n_id > 1 ? " " : "", (int)id);
    return flush_output();
}

static bool show_text(const char *text, size_t n_byte, void *user) {
    struct work *work = user;
    if (work->settings->json) {
        char *room = dm_grow(work->text, work->n_byte, n_byte, &work->capacity, 1);
        if (!room)
            return fail_memory();
        work->text = room;
        memcpy(work->text + work->n_byte, text, n_byte);
        work->n_byte += n_byte;
        return true;
    }
    if (work->settings->print_ids)
        return true;
    fwrite(text, 1, n_byte, stdout);
    work->unended = text[n_byte - 1] != '\n';
    return flush_output();
}

/* Whether there is a prompt of text. A session needs none. */
static bool has_text(const struct settings *settings) {
    return !settings->ids && (settings->prompt || settings->file || !settings->load_session);
}

/* The prompt, as ids or as text. */
static bool open_prompt(struct work *work) {
    const struct settings *settings = work->settings;
    if (settings->ids)
        return token_source_open_ids(&work->prompt, "list of ids", NULL, settings->ids,
                                     work->info.vocab_size);
    if (!has_text(settings))
        return true; /* nothing to add */
    if (!token_source_open_text(&work->prompt, "prompt", settings->prompt, settings->file,
                                work->tokenizer))
        return false;
    if (!settings->load_session) /* whose text goes on */
        token_source_begin(&work->prompt, work->tokenizer);
    return true;
}

/* Ids in and out need none: one that there is still says where the vocabulary and the text end. */
static bool open_tokenizer(struct work *work) {
    const struct settings *settings = work->settings;
    bool ids_alone = !settings->stops.n && (settings->print_ids || settings->json);
    if (has_text(settings))
        return load_model_tokenizer(settings->directory, &settings->model, &work->tokenizer);
    if (!load_tokenizer_if_any(settings->directory, &settings->model, !ids_alone, &work->tokenizer))
        return false;
    if (!work->tokenizer && settings->stops.n)
        return fail("--stop: %s has no tokenizer, so there is no text: --tokenizer FILE names one",
                    settings->directory);
    return work->tokenizer || ids_alone ||
           fail("%s: there is no tokenizer.json: ask for ids with --print-ids, or name one by "
                "--tokenizer FILE",
                settings->directory);
}

/* With what the sampler knew of its text, and its random numbers, but for another --seed's. */
static bool load_session(struct work *work) {
    const struct settings *settings = work->settings;
    dm_sampler *sampler = work->generation.sampler;
    int has_sampler;
    dm_error error;
    if (dm_generation_restore(work->model, settings->load_session, &work->generation.session,
                              sampler, &has_sampler, &error))
        return fail("%s", error.message);
    if (settings->seed_given)
        dm_sampler_set_seed(sampler, settings->sampler.seed);
    if (!has_sampler && settings->sampler.repetition_penalty != 1)
        complain("%s: without the ids of its text, of an earlier version: --repetition-penalty "
                 "counts from here",
                 settings->load_session);
    return true;
}

static bool open_session(struct work *work) {
    struct settings *settings = work->settings;
    dm_method_options method;
    dm_error error;
    if (dm_sampler_new(work->info.vocab_size, &settings->sampler, &work->generation.sampler,
                       &error))
        return fail("%s", error.message);
    if (settings->load_session)
        return load_session(work);
    return method_flags_resolve(&settings->method, work->model, &method) &&
           (dm_session_new(work->model, &method, &work->generation.session, &error) == DM_OK ||
            fail("%s", error.message));
}

static bool prepare(struct work *work) {
    const struct settings *settings = work->settings;
    struct generation *generation = &work->generation;
    dm_error error;
    if (!load_model(settings->directory, &settings->model, &work->model, &work->info) ||
        !open_tokenizer(work) || !open_prompt(work) || !open_session(work))
        return false;
    if ((work->tokenizer && dm_decoder_new(work->tokenizer, 0, &generation->decoder, &error)) ||
        (!settings->ignore_end &&
         dm_checkpoint_stop_tokens(settings->directory, work->tokenizer, &generation->ends,
                                   &generation->n_end, &error)))
        return fail("%s", error.message);
    generation->vocab_size = work->info.vocab_size;
    generation->n_allowed = shared_vocabulary(work->tokenizer, &work->info);
    generation->max_tokens = settings->max_tokens;
    generation->show_id = show_id;
    generation->show_text = show_text;
    generation->user = work;
    stop_strings_init(&generation->stops, &settings->stops);
    return true;
}

static bool print_result(const struct work *work) {
    static const char *const reasons[] = {"length", "end_token", "stop_string", "interrupted"};
    const struct generation *generation = &work->generation;
    double read_seconds = work->read_seconds + generation->close_seconds;
    json_t *text =
        work->tokenizer ? json_stringn(work->text ? work->text : "", work->n_byte) : json_null();
    json_t *stop = generation->stops.found ? json_string(generation->stops.found) : json_null();
    return print_json(json_pack(
        "{so so so so ss so so so so so so so}", "text", text, "ids",
        json_ids(generation->ids, generation->n_id), "prompt_tokens", json_size(work->prompt.n_id),
        "generated_tokens", json_size(generation->n_id), "stop_reason", reasons[generation->reason],
        "stop_string", stop, "session_tokens", json_size(dm_session_n_token(generation->session)),
        "session_bytes", json_size(dm_session_memory(generation->session)), "read_seconds",
        json_number_or_null(read_seconds), "read_tokens_per_second",
        json_number_or_null((double)work->prompt.n_id / read_seconds), "generate_seconds",
        json_number_or_null(generation->seconds), "generate_tokens_per_second",
        json_number_or_null((double)generation->n_id / generation->seconds)));
}

/* Reads the prompt and continues it. */
static bool run_work(struct work *work) {
    const struct settings *settings = work->settings;
    struct generation *generation = &work->generation;
    dm_error error;
    if (!prepare(work))
        return false;
    catch_interrupt("the tokens at hand");
    double started = seconds_now();
    bool fine = read_tokens(generation->session, generation->sampler, &work->prompt);
    work->read_seconds = seconds_now() - started;
    if (!fine)
        return false;
    bool whole = !interrupted();
    if (whole && !dm_session_n_token(generation->session))
        return fail("%s: the prompt is empty",
                    work->prompt.input.name ? work->prompt.input.name : settings->load_session);
    if (whole) {
        catch_interrupt(NULL);
        tell_of_plain_reading(settings->directory, &work->info,
                              settings->load_session || method_flags_choose(&settings->method),
                              dm_session_n_token(generation->session), 0);
        fine = generation_run(generation);
    } else {
        generation->reason = END_INTERRUPTED;
    }
    if (settings->json)
        fine = fine && print_result(work);
    else if (settings->print_ids || (isatty(STDOUT_FILENO) && work->unended))
        putchar('\n');
    fine = fine && flush_output();
    if (fine && whole && settings->save_session &&
        dm_generation_save(generation->session, generation->sampler, settings->save_session,
                           &error))
        fine = fail("%s", error.message);
    return fine;
}

static void release(struct work *work) {
    dm_session_free(work->generation.session);
    dm_sampler_free(work->generation.sampler);
    generation_free(&work->generation);
    dm_decoder_free(work->generation.decoder);
    dm_model_free(work->model);
    dm_tokenizer_free(work->tokenizer);
    dm_free(work->generation.ends);
    token_source_close(&work->prompt);
    free(work->text);
}

static bool check(const struct settings *settings) {
    if (settings->ids && (settings->prompt || settings->file))
        return fail("generate: the prompt is given twice: as ids and as text");
    if (settings->load_session && method_flags_any(&settings->method))
        return fail("generate: a loaded session keeps its own method settings: drop those flags");
    for (size_t i = 0; i < settings->stops.n; i++) {
        json_t *text = json_string(settings->stops.items[i]); /* NULL where it is not UTF-8 */
        json_decref(text);
        if (!text || !*settings->stops.items[i])
            return fail("generate: --stop: the text is %s", text ? "empty" : "not UTF-8");
    }
    return !settings->save_session || output_possible(settings->save_session);
}

/* A flag that says which tokens to draw from wants draws. */
static void choose_temperature(struct settings *settings) {
    dm_sampler_options *sampler = &settings->sampler;
    if (settings->temperature_given)
        return;
    if (sampler->top_k || sampler->top_p < 1 || sampler->min_p > 0)
        sampler->temperature = 1;
    else if (settings->seed_given)
        complain("generate: --seed: nothing is drawn without --temperature, --top-k, --top-p or "
                 "--min-p: the best token is taken");
}

static int run(int n_argument, char **arguments) {
    struct settings settings = {.max_tokens = 128, .sampler = DM_SAMPLER_OPTIONS_INIT};
    dm_sampler_options *sampler = &settings.sampler;
    struct option model_options[n_model_option], method_options[n_method_option];
    text_model_flags_table(&settings.model, model_options);
    method_flags_table(&settings.method, method_options);
    const struct option input_options[] = {
        {OPTION_TEXT, "file", &settings.file, "FILE", .help = "read the prompt from here"},
        {OPTION_TEXT, "ids", &settings.ids, "FILE",
         .help = "the prompt as decimal ids separated by white space. With --print-ids as well, no "
                 "tokenizer is needed: if there is one, only ids that it knows are drawn; if it "
                 "cannot be read, a warning says so"},
        {OPTION_TEXT, "load-session", &settings.load_session, "FILE",
         .help =
             "go on from a saved session, with the method settings that it was saved with. "
             "The prompt continues its text, and may be left out: the tokens are then those of a "
             "single run with the same sampling flags, which are not saved. With a prompt, "
             "decimating layers choose anew, over the whole text. The repetition penalty "
             "covers all of it; a session saved by an earlier version does not hold what it "
             "needs, and a warning says so"},
        {OPTION_TEXT, "save-session", &settings.save_session, "FILE",
         .help =
             "save the session at the end, after the prompt and all generated tokens, with the ids "
             "for the repetition penalty and the state of the random numbers"},
        {.kind = OPTION_END},
    };
    const struct option output_options[] = {
        {OPTION_SIZE, "max-tokens", &settings.max_tokens, "N",
         .help = "tokens to generate at most; 0: none", .max = 1e9},
        {OPTION_TEXTS, "stop", &settings.stops, "TEXT",
         .help = "end before this text, which is not printed; may be repeated"},
        {OPTION_FLAG, "ignore-eos", &settings.ignore_end,
         .help =
             "do not end at the model's stop tokens: the eos_token_id (a number or a list) of "
             "generation_config.json, else of config.json, else the tokenizer's end token (the "
             "eos_token of tokenizer_config.json or special_tokens_map.json, else <|endoftext|>)"},
        {OPTION_FLAG, "json", &settings.json,
         .help = "print one JSON object at the end instead of the text"},
        {OPTION_FLAG, "print-ids", &settings.print_ids,
         .help = "print the new ids instead of their text"},
        {.kind = OPTION_END},
    };
    const struct option sampling_options[] = {
        {OPTION_REAL, "temperature", &sampler->temperature, "X",
         .help = "0 takes the best token, always. The default is 0, or 1 with --top-k, --top-p or "
                 "--min-p, where these are not off",
         .max = 1e6, .given = &settings.temperature_given},
        {OPTION_SIZE, "top-k", &sampler->top_k, "N", .help = "draw from the N best; 0: off"},
        {OPTION_REAL, "top-p", &sampler->top_p, "X",
         .help = "draw from the best that together have this probability; 1: off", .min = 1e-9,
         .max = 1},
        {OPTION_REAL, "min-p", &sampler->min_p, "X",
         .help = "drop what is less likely than X times the best; 0: off", .max = 1},
        {OPTION_REAL, "repetition-penalty", &sampler->repetition_penalty, "X",
         .help = "divides the positive logits of tokens in the prompt and the answer, multiplies "
                 "the negative ones; 1: off",
         .min = 1e-6, .max = 1e6},
        {OPTION_SEED, "seed", &sampler->seed, "S",
         .help = "the same seed gives the same draws (default 0); there are none at temperature 0, "
                 "which a seed alone does not change. A loaded session of the same seed, or where "
                 "none is given, draws on from where it stood",
         .given = &settings.seed_given},
        {.kind = OPTION_END},
    };
    const struct option_group groups[] = {
        {"Input", input_options},       {"Output", output_options}, {"Sampling", sampling_options},
        {METHOD_TITLE, method_options}, {"Model", model_options},   {0}};
    const char *operands[2];
    enum options_result result =
        options_read(&generate_command, groups, n_argument, arguments, operands);
    if (result != OPTIONS_READ)
        return options_status(result);
    settings.directory = operands[0];
    settings.prompt = operands[1];
    if (!check(&settings))
        return EXIT_FAILURE;
    choose_temperature(&settings);
    method_flags_spare(&settings.method, &settings.model.settings);
    struct work work = {.settings = &settings};
    bool fine = run_work(&work);
    release(&work);
    return !fine ? EXIT_FAILURE : interrupted() ? EXIT_INTERRUPTED : EXIT_SUCCESS;
}

const struct command generate_command = {
    .name = "generate",
    .operands = "MODEL [PROMPT]",
    .summary = "Continues a prompt, printing the text as it comes.",
    .notes = "The prompt is PROMPT, a file, or standard input, byte for byte. Ctrl-C ends the text "
             "early, with exit status 130.",
    .manual = "# JSON\n\nThe object of --json holds text, ids (the generated ones), prompt_tokens, "
              "generated_tokens, stop_reason (length, end_token, stop_string or interrupted), "
              "stop_string, session_tokens, session_bytes, and the time of reading and generating.",
    .example = "decimamba generate mamba-130m 'The quick brown' --max-tokens 20\n"
               "decimamba generate mamba-130m --file book.txt --layers 12 --base-length 2000",
    .min_operand = 1,
    .max_operand = 2,
    .run = run,
};
