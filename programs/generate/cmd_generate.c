/* decimamba generate: reads a prompt of any length and continues it. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/fail.h"
#include "cli/json_output.h"
#include "cli/output_file.h"
#include "cli/progress.h"
#include "cli/read_tokens.h"
#include "commands.h"
#include "generate.h"

/* What one run holds. */
struct work {
    struct generate_settings *settings;
    dm_tokenizer *tokenizer;
    dm_model *model;
    dm_model_info info;
    struct token_source prompt;
    char *chat; /* the prompt by the chat template; or NULL */
    struct generation generation;
    struct generate_answer answer;
    double read_seconds;
    bool unended; /* the text printed so far lacks a line's end */
};

/* A line of --json-lines. */
static bool show_line(struct work *work, const struct shown_token *token) {
    json_t *line =
        json_pack("{so so}", "id", token->id >= 0 ? json_integer(token->id) : json_null(), "text",
                  work->tokenizer ? json_stringn(token->text, token->n_byte) : json_null());
    if (line && work->settings->logprobs_given && token->id >= 0)
        line = add_logprobs(line, &work->answer, token);
    return print_json(line);
}

static bool show(const struct shown_token *token, void *user) {
    struct work *work = user;
    const struct generate_settings *settings = work->settings;
    if (settings->json)
        return generate_answer_add(&work->answer, token);
    if (settings->json_lines)
        return generate_answer_add(&work->answer, token) && show_line(work, token);
    if (settings->print_ids) {
        if (token->id >= 0)
            printf("%s%d", work->generation.n_id > 1 ? " " : "", (int)token->id);
    } else if (token->n_byte) {
        fwrite(token->text, 1, token->n_byte, stdout);
        work->unended = token->text[token->n_byte - 1] != '\n';
    }
    return flush_output();
}

/* Whether there is a prompt of text. A session needs none. */
static bool has_text(const struct generate_settings *settings) {
    return !settings->ids && (settings->prompt || settings->file || !settings->load_session);
}

/* What the template gives has the tokens that a text begins with. */
static bool open_chat(struct work *work) {
    const struct generate_settings *settings = work->settings;
    work->chat =
        chat_prompt(settings->directory, &settings->chat, settings->prompt, settings->file);
    return work->chat &&
           token_source_open_text(&work->prompt, "prompt", work->chat, NULL, work->tokenizer);
}

/* The prompt, as ids or as text. */
static bool open_prompt(struct work *work) {
    const struct generate_settings *settings = work->settings;
    if (settings->ids)
        return token_source_open_ids(&work->prompt, "list of ids", NULL, settings->ids,
                                     work->info.vocab_size);
    if (!has_text(settings))
        return true; /* nothing to add */
    if (settings->chat.chat)
        return open_chat(work);
    if (!token_source_open_text(&work->prompt, "prompt", settings->prompt, settings->file,
                                work->tokenizer))
        return false;
    if (!settings->load_session) /* whose text goes on */
        token_source_begin(&work->prompt, work->tokenizer);
    return true;
}

/* Ids in and out need none: one that there is still says where the vocabulary and the text end. */
static bool open_tokenizer(struct work *work) {
    const struct generate_settings *settings = work->settings;
    bool ids_alone = !settings->sampling.stops.n &&
                     (settings->print_ids || settings->json || settings->json_lines);
    if (has_text(settings))
        return load_model_tokenizer(settings->directory, &settings->model, &work->tokenizer);
    if (!load_tokenizer_if_any(settings->directory, &settings->model, !ids_alone, &work->tokenizer))
        return false;
    if (!work->tokenizer && settings->sampling.stops.n)
        return fail_usage(
            "--stop: %s has no tokenizer, so there is no text: --tokenizer FILE names one",
            settings->directory);
    return work->tokenizer || ids_alone ||
           fail("%s: there is no tokenizer.json: ask for ids with --print-ids, or name one by "
                "--tokenizer FILE",
                settings->directory);
}

/* With what the sampler knew of its text, and its random numbers, but for another --seed's. */
static bool load_session(struct work *work) {
    const struct generate_settings *settings = work->settings;
    dm_sampler *sampler = work->generation.sampler;
    int has_sampler;
    dm_error error;
    if (dm_generation_restore(work->model, settings->load_session, &work->generation.session,
                              sampler, &has_sampler, &error))
        return fail("%s", error.message);
    if (settings->sampling.seed_given)
        dm_sampler_set_seed(sampler, settings->sampling.sampler.seed);
    if (!has_sampler && settings->sampling.sampler.repetition_penalty != 1)
        complain("%s: without the ids of its text, of an earlier version: --repetition-penalty "
                 "counts from here",
                 settings->load_session);
    return true;
}

static bool open_session(struct work *work) {
    struct generate_settings *settings = work->settings;
    dm_method_options method;
    dm_error error;
    if (settings->load_session)
        return load_session(work);
    return method_flags_resolve(&settings->method, work->model, &method) &&
           (dm_session_new(work->model, &method, &work->generation.session, &error) == DM_OK ||
            fail("%s", error.message));
}

static bool prepare(struct work *work) {
    const struct generate_settings *settings = work->settings;
    struct generation *generation = &work->generation;
    if (!load_model(settings->directory, &settings->model, &work->model, &work->info) ||
        !open_tokenizer(work))
        return false;
    if (settings->batch)
        return true;
    work->answer = (struct generate_answer){
        .settings = settings, .tokenizer = work->tokenizer, .generation = generation};
    if (!open_prompt(work) || !generation_open(generation, settings->directory, &work->info,
                                               work->tokenizer, &settings->sampling))
        return false;
    generation->show = show;
    generation->user = work;
    return open_session(work);
}

static bool print_result(const struct work *work) {
    const struct generation *generation = &work->generation;
    double read_seconds = work->read_seconds + generation->close_seconds;
    json_t *object = generate_answer_json(&work->answer, work->prompt.n_id);
    json_t *more = json_pack(
        "{so so so so so so}", "session_tokens", json_size(dm_session_n_token(generation->session)),
        "session_bytes", json_size(dm_session_memory(generation->session)), "read_seconds",
        json_number_or_null(read_seconds), "read_tokens_per_second",
        json_number_or_null((double)work->prompt.n_id / read_seconds), "generate_seconds",
        json_number_or_null(generation->seconds), "generate_tokens_per_second",
        json_number_or_null((double)generation->n_id / generation->seconds));
    bool fine = object && !json_object_update(object, more);
    json_decref(more);
    if (!fine)
        json_decref(object);
    return print_json(fine ? object : NULL);
}

/* Reads the prompt and continues it. */
static bool run_work(struct work *work) {
    const struct generate_settings *settings = work->settings;
    struct generation *generation = &work->generation;
    dm_error error;
    if (!prepare(work))
        return false;
    cancel_by_interrupt();
    if (settings->batch)
        return generate_batch(work->settings, work->model, &work->info, work->tokenizer);
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
    if (settings->json || settings->json_lines)
        fine = fine && print_result(work);
    else if (settings->print_ids || (isatty(STDOUT_FILENO) && work->unended))
        putchar('\n');
    fine = fine && flush_output();
    if (fine && whole)
        tell_speed(work->prompt.n_id, work->read_seconds + generation->close_seconds,
                   generation->n_id, generation->seconds);
    if (fine && whole && settings->save_session &&
        dm_generation_save(generation->session, generation->sampler, settings->save_session,
                           &error))
        fine = fail("%s", error.message);
    return fine;
}

static void release(struct work *work) {
    dm_session_free(work->generation.session);
    generation_free(&work->generation);
    generate_answer_free(&work->answer);
    dm_model_free(work->model);
    dm_tokenizer_free(work->tokenizer);
    token_source_close(&work->prompt);
    dm_free(work->chat);
}

static bool check_batch(const struct generate_settings *settings) {
    if (settings->prompt || settings->file || settings->ids || settings->load_session)
        return fail_usage("generate: --batch has the prompts: there can be no other");
    if (settings->save_session || settings->print_ids || settings->json_lines)
        return fail_usage("generate: --batch prints an object a line: it has no %s",
                          settings->save_session ? "--save-session"
                          : settings->print_ids  ? "--print-ids"
                                                 : "--json-lines");
    return true;
}

static bool check_chat(const struct generate_settings *settings) {
    const struct chat_flags *chat = &settings->chat;
    if (settings->ids || settings->batch || settings->load_session)
        return fail_usage("generate: a chat begins with a text of its own: not with %s",
                          settings->ids     ? "--ids"
                          : settings->batch ? "--batch"
                                            : "--load-session");
    if (chat->messages && (chat->system || settings->prompt || settings->file))
        return fail_usage("generate: --messages has all that is said: there can be no other");
    return true;
}

static bool check(const struct generate_settings *settings) {
    if (settings->chat.chat && !check_chat(settings))
        return false;
    if (settings->ids && (settings->prompt || settings->file))
        return fail_usage("generate: the prompt is given twice: as ids and as text");
    if (settings->load_session && method_flags_any(&settings->method))
        return fail_usage(
            "generate: a loaded session keeps its own method settings: drop those flags");
    if (settings->batch && !check_batch(settings))
        return false;
    if (settings->json && settings->json_lines)
        return fail_usage("generate: --json prints one object, --json-lines many: give one");
    if (settings->logprobs_given && !settings->json && !settings->json_lines && !settings->batch)
        return fail_usage("generate: --logprobs is a part of --json, --json-lines or --batch");
    return !settings->save_session || output_possible(settings->save_session);
}

static int run(int n_argument, char **arguments) {
    struct generate_settings settings = {.n_at_once = 8};
    struct option model_options[n_model_option], method_options[n_method_option];
    struct option sampling_options[n_sampling_option], ending_rows[n_ending_option];
    sampling_flags_table(&settings.sampling, sampling_options);
    ending_flags_rows(&settings.sampling, ending_rows);
    text_model_flags_table(&settings.model, model_options);
    method_flags_table(&settings.method, method_options);
    const struct option input_options[] = {
        {OPTION_TEXT, "file", &settings.file, "FILE", .help = "read the prompt from here"},
        {OPTION_TEXT, "ids", &settings.ids, "FILE",
         .help = "the prompt as decimal ids separated by white space. With --print-ids as well, no "
                 "tokenizer is needed: if there is one, only ids that it knows are drawn; if it "
                 "cannot be read, a warning says so"},
        {OPTION_FLAG, "chat", &settings.chat.chat,
         .help = "the prompt is a user's message: the model reads it by its chat template"},
        {OPTION_TEXT, "system", &settings.chat.system, "TEXT",
         .help = "a system's message before it (--chat goes without saying)"},
        {OPTION_TEXT, "messages", &settings.chat.messages, "FILE",
         .help = "all messages of a chat instead: JSON, a list of objects with \"role\" and "
                 "\"content\" (--chat goes without saying)",
         .path = true},
        {OPTION_TEXT, "load-session", &settings.load_session, "FILE",
         .help =
             "resume a saved session, with the method settings that it was saved with. "
             "The prompt continues its text, and may be left out: the tokens are then those of a "
             "single run with the same sampling flags, which are not saved. With a prompt, "
             "decimating layers choose anew, over the whole text. The repetition penalty "
             "covers all of it; a session saved by an earlier version does not hold what it "
             "needs, and a warning says so"},
        {OPTION_TEXT, "save-session", &settings.save_session, "FILE",
         .help =
             "save the session at the end, after the prompt and all generated tokens, with the ids "
             "for the repetition penalty and the state of the random numbers"},
        {OPTION_TEXT, "batch", &settings.batch, "FILE",
         .help = "prompts from the lines of this file, JSON objects with \"prompt\" and, as they "
                 "like, \"id\". Prints for each, in their order, what --json prints, and its id: "
                 "the same as one by one, in less time, as they are read and continued together",
         .path = true},
        {OPTION_SIZE, "batch-size", &settings.n_at_once, "N",
         .help = "prompts of a batch at a time", .min = 1, .max = 4096},
        {.kind = OPTION_END},
    };
    const struct option output_options[] = {
        ending_rows[0],
        ending_rows[1],
        ending_rows[2],
        {OPTION_FLAG, "json", &settings.json,
         .help = "print one JSON object at the end instead of the text"},
        {OPTION_FLAG, "json-lines", &settings.json_lines,
         .help = "print a JSON object for each token as it comes, a line each, and at the end that "
                 "of --json"},
        {OPTION_SIZE, "logprobs", &settings.n_logprob, "N",
         .help =
             "in JSON: the log-probability of each token, and the N likeliest in its place with "
             "theirs",
         .max = 20, .given = &settings.logprobs_given},
        {OPTION_FLAG, "print-ids", &settings.print_ids,
         .help = "print the new ids instead of their text"},
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
    settings.chat.chat |= settings.chat.system || settings.chat.messages;
    if (!check(&settings) || !sampling_flags_settle(&settings.sampling, "generate"))
        return EXIT_FAILURE;
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
    .manual =
        "# JSON\n\nThe object of --json holds text, ids (the generated ones), prompt_tokens, "
        "generated_tokens, stop_reason (length, end_token, stop_string or interrupted), "
        "stop_string, session_tokens, session_bytes, and the time of reading and generating; with "
        "--logprobs, logprobs: for each of the ids an object of id, token (its text by "
        "itself), logprob (natural, of what the model says, whatever the sampling flags do "
        "with it) and top_logprobs, a list of such objects. Each line of --json-lines has "
        "id, text (what became certain with this token: it may lag behind, and a last line "
        "without an id may hold the rest) and, with --logprobs, token, logprob and "
        "top_logprobs; the last line is the object of --json. A line of --batch has id (the "
        "prompt's, or the number of its line), text, ids, prompt_tokens, generated_tokens, "
        "stop_reason, stop_string and logprobs.",
    .example = "decimamba generate mamba-130m 'The quick brown' --max-tokens 20\n"
               "decimamba generate mamba-130m --file book.txt --layers 12 --base-length 2000\n"
               "decimamba generate mamba-130m --batch prompts.jsonl > answers.jsonl\n"
               "decimamba generate falcon-mamba-7b-instruct --chat 'Who wrote Faust?'",
    .min_operand = 1,
    .max_operand = 2,
    .run = run,
};
