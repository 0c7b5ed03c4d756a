/* decimamba ask: reads a document once, and answers questions about it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ask_document.h"
#include "ask_lines.h"
#include "base/grow.h"
#include "cli/fail.h"
#include "cli/generation.h"
#include "cli/json_output.h"
#include "cli/read_tokens.h"
#include "commands.h"

static const char default_format[] = "\\n\\nQuestion: {}\\nAnswer:";

struct ask {
    struct ask_settings settings;
    char *format; /* with its escapes undone */
    dm_model *model;
    dm_model_info info;
    dm_tokenizer *tokenizer;
    struct document document;
    dm_session *session; /* goes on from the document */
    bool typed;
};

/* A text that grows. */
struct buffer {
    char *bytes;
    size_t n, capacity;
};

static bool add(struct buffer *buffer, const char *bytes, size_t n) {
    char *room = dm_grow(buffer->bytes, buffer->n, n, &buffer->capacity, 1);
    if (!room)
        return fail_memory();
    buffer->bytes = room;
    if (n)
        memcpy(room + buffer->n, bytes, n);
    buffer->n += n;
    return true;
}

/* One question on its way. */
struct turn {
    struct ask *ask;
    struct buffer prompt, answer; /* answer: as it was generated */
    struct generation generation;
    bool begun; /* something of the answer was shown */
    size_t n_read;
    double read_seconds;
};

/* ---- What is asked ---- */

/* "\n", "\t" and "\\" become what they stand for. */
static char *undo_escapes(const char *format) {
    char *text = malloc(strlen(format) + 1), *to = text;
    if (!text) {
        fail_memory();
        return NULL;
    }
    for (const char *from = format; *from; from++) {
        bool escaped = *from == '\\' && from[1] && strchr("nt\\", from[1]);
        from += escaped;
        *to++ = (char)(!escaped ? *from : *from == 'n' ? '\n' : *from == 't' ? '\t' : '\\');
    }
    *to = '\0';
    return text;
}

/* The format with the question in each {}. */
static bool make_prompt(struct turn *turn, const char *question, size_t length) {
    const char *at = turn->ask->format, *place;
    while ((place = strstr(at, "{}"))) {
        if (!add(&turn->prompt, at, (size_t)(place - at)) || !add(&turn->prompt, question, length))
            return false;
        at = place + 2;
    }
    return add(&turn->prompt, at, strlen(at));
}

/* Reads more text; a cancelled call is no fault. */
static bool read_more(const struct ask *ask, dm_session *session, dm_sampler *sampler,
                      const struct buffer *text, size_t *n_read) {
    int32_t *ids;
    size_t n_id;
    dm_error error;
    if (dm_tokenizer_encode(ask->tokenizer, text->bytes, text->n, &ids, &n_id, &error))
        return fail("the question: %s", error.message);
    dm_status status = dm_session_append(session, ids, n_id, &error);
    if (!status)
        status = dm_sampler_accept(sampler, ids, n_id, &error);
    dm_free(ids);
    *n_read = n_id;
    return !status || status == DM_CANCELLED || fail("the question: %s", error.message);
}

/* ---- What is answered ---- */

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The white space that an answer begins with is the format's. */
static size_t skip_blank(const char *text, size_t n) {
    size_t i = 0;
    while (i < n && is_blank(text[i]))
        i++;
    return i;
}

static bool show(const struct shown_token *token, void *user) {
    struct turn *turn = user;
    size_t n_skipped = turn->begun ? 0 : skip_blank(token->text, token->n_byte);
    turn->begun = turn->begun || n_skipped < token->n_byte;
    if (!add(&turn->answer, token->text, token->n_byte))
        return false;
    if (turn->ask->settings.json)
        return true;
    fwrite(token->text + n_skipped, 1, token->n_byte - n_skipped, stdout);
    return flush_output();
}

static bool print_answer(const struct turn *turn, const char *question, size_t length) {
    const struct generation *generation = &turn->generation;
    const struct ask *ask = turn->ask;
    if (!ask->settings.json) {
        putchar('\n');
        return flush_output();
    }
    size_t n_skipped = skip_blank(turn->answer.bytes, turn->answer.n);
    const char *answer = turn->answer.bytes ? turn->answer.bytes + n_skipped : "";
    return print_json(
        json_pack("{so so so so so ss so so so so}", "question", json_stringn(question, length),
                  "answer", json_stringn(answer, turn->answer.n - n_skipped), "ids",
                  json_ids(generation->ids, generation->n_id), "question_tokens",
                  json_size(turn->n_read), "generated_tokens", json_size(generation->n_id),
                  "stop_reason", end_reason_name(generation->reason), "document_tokens",
                  json_size(dm_session_n_token(ask->document.session)), "session",
                  ask->document.kept ? json_string(ask->document.kept) : json_null(),
                  "read_seconds", json_number_or_null(turn->read_seconds), "generate_seconds",
                  json_number_or_null(generation->seconds)));
}

/* The document goes on with the question and its answer, as they stand. */
static bool keep_turn(struct turn *turn) {
    struct ask *ask = turn->ask;
    struct document *document = &ask->document;
    size_t n_read;
    dm_error error;
    if (interrupted())
        return true; /* what was broken off is no part of it */
    if (!add(&turn->prompt, turn->answer.bytes, turn->answer.n))
        return false;
    if (dm_session_rewind(ask->session, document->session, &error))
        return fail("%s", error.message);
    return read_more(ask, ask->session, document->sampler, &turn->prompt, &n_read) &&
           (!dm_session_rewind(document->session, ask->session, &error) ||
            fail("%s", error.message));
}

/* From the document alone: no question sees another. */
static bool take_turn(struct turn *turn, const char *question, size_t length) {
    struct ask *ask = turn->ask;
    struct generation *generation = &turn->generation;
    const struct sampling_flags *sampling = &ask->settings.sampling;
    dm_error error;
    double started = seconds_now();
    if (!generation_open(generation, ask->settings.directory, &ask->info, ask->tokenizer, sampling))
        return false;
    generation->session = ask->session;
    generation->show = show;
    generation->user = turn;
    if (dm_session_rewind(ask->session, ask->document.session, &error) ||
        dm_sampler_rewind(generation->sampler, ask->document.sampler, &error))
        return fail("%s", error.message);
    if (ask->settings.file || sampling->seed_given) /* what is kept knows no seed */
        dm_sampler_set_seed(generation->sampler, sampling->sampler.seed);
    if (!make_prompt(turn, question, length) ||
        !read_more(ask, ask->session, generation->sampler, &turn->prompt, &turn->n_read))
        return false;
    turn->read_seconds = seconds_now() - started;
    if (!generation_run(generation))
        return false;
    turn->read_seconds += generation->close_seconds;
    return print_answer(turn, question, length) && (!ask->settings.keep || keep_turn(turn));
}

static bool answer(struct ask *ask, const char *question, size_t length) {
    struct turn turn = {.ask = ask};
    bool fine = take_turn(&turn, question, length);
    if (fine && ask->typed)
        tell_speed(turn.n_read, turn.read_seconds, turn.generation.n_id, turn.generation.seconds);
    generation_free(&turn.generation);
    free(turn.prompt.bytes);
    free(turn.answer.bytes);
    return fine;
}

/* Until there are no more. An interrupt ends an answer, and those of a pipe as well. */
static bool answer_lines(struct ask *ask) {
    struct ask_lines *lines = ask_lines_new(ask->typed);
    const char *question;
    size_t length;
    bool fine = lines != NULL;
    while (fine && (question = ask_lines_next(lines, &length, &fine))) {
        if (ask->typed)
            forget_interrupt();                             /* of before it was asked */
        fine = answer(ask, question, length) || ask->typed; /* who can type another */
        if (interrupted() && !ask->typed)
            break;
        if (interrupted())
            forget_interrupt();
    }
    ask_lines_free(lines);
    return fine;
}

/* ---- The command ---- */

static bool run_ask(struct ask *ask) {
    struct ask_settings *settings = &ask->settings;
    dm_error error;
    if (!(ask->format = undo_escapes(settings->format ? settings->format : default_format)) ||
        !load_model(settings->directory, &settings->model, &ask->model, &ask->info) ||
        !load_model_tokenizer(settings->directory, &settings->model, &ask->tokenizer))
        return false;
    catch_interrupt("the tokens at hand");
    cancel_by_interrupt();
    if (!document_open(&ask->document, settings, &settings->method, ask->model, &ask->info,
                       ask->tokenizer))
        return false;
    if (interrupted())
        return true;
    tell_of_plain_reading(settings->directory, &ask->info,
                          settings->load_session || method_flags_choose(&settings->method),
                          dm_session_n_token(ask->document.session), 0);
    if (dm_session_fork(ask->document.session, &ask->session, &error))
        return fail("%s", error.message);
    catch_interrupt(NULL);
    ask->typed = !settings->question && isatty(STDIN_FILENO);
    return settings->question ? answer(ask, settings->question, strlen(settings->question))
                              : answer_lines(ask);
}

static void release(struct ask *ask) {
    dm_session_free(ask->session);
    document_close(&ask->document);
    dm_tokenizer_free(ask->tokenizer);
    dm_model_free(ask->model);
    free(ask->format);
}

static bool check(struct ask_settings *settings) {
    if (!settings->file == !settings->load_session)
        return fail_usage("ask: give %s--file or --load-session",
                          settings->file ? "only one of " : "");
    if (settings->file && !strcmp(settings->file, "-") && !settings->question)
        return fail_usage(
            "ask: --file -: standard input has the questions: give one as an argument");
    if (settings->load_session && method_flags_any(&settings->method))
        return fail_usage("ask: a loaded session keeps its own method settings: drop those flags");
    if (settings->load_session && (settings->cache || settings->no_cache))
        return fail_usage("ask: --load-session is kept where it is: drop --%scache",
                          settings->cache ? "" : "no-");
    if (settings->cache && settings->no_cache)
        return fail_usage("ask: --cache says where to keep the text, --no-cache not to: give one");
    if (settings->cache && !*settings->cache)
        return fail_usage("ask: --cache '': a folder's name is needed");
    if (settings->format && !strstr(settings->format, "{}"))
        return fail_usage("ask: --question-format '%s': there is no {} for the question",
                          settings->format);
    return true;
}

static int run(int n_argument, char **arguments) {
    struct ask ask = {.settings = {.format = NULL}};
    struct ask_settings *settings = &ask.settings;
    struct option model_options[n_model_option], method_options[n_method_option];
    struct option sampling_options[n_sampling_option], ending_rows[n_ending_option];
    bool format_given;
    sampling_flags_table(&settings->sampling, sampling_options);
    ending_flags_rows(&settings->sampling, ending_rows);
    text_model_flags_table(&settings->model, model_options);
    method_flags_table(&settings->method, method_options);
    const struct option input_options[] = {
        {OPTION_TEXT, "file", &settings->file, "FILE", .help = "the document", .path = true},
        {OPTION_TEXT, "load-session", &settings->load_session, "FILE",
         .help = "ask about the text of a saved session (generate --save-session) instead",
         .path = true},
        {OPTION_TEXT, "cache", &settings->cache, "DIR",
         .help = "keep what was read of documents in this folder (default decimamba in "
                 "XDG_CACHE_HOME, or in .cache of the home folder)",
         .path = true},
        {OPTION_FLAG, "no-cache", &settings->no_cache, .help = "keep nothing"},
        {OPTION_TEXT, "question-format", &settings->format, "TEXT",
         .help = "what the model reads for a question, which stands for each {} in it; \\n is a "
                 "line's end, \\t a tab, \\\\ a backslash (default "
                 "'\\n\\nQuestion: {}\\nAnswer:', with --stop '\\nQuestion:' unless there "
                 "is another)",
         .given = &format_given},
        {OPTION_FLAG, "keep", &settings->keep,
         .help = "a conversation: each question sees those before it, with their answers"},
        {.kind = OPTION_END},
    };
    const struct option output_options[] = {
        ending_rows[0],
        ending_rows[1],
        ending_rows[2],
        {OPTION_FLAG, "json", &settings->json,
         .help = "print a JSON object for each question, on a line"},
        {.kind = OPTION_END},
    };
    const struct option_group groups[] = {
        {"Input", input_options},       {"Output", output_options}, {"Sampling", sampling_options},
        {METHOD_TITLE, method_options}, {"Model", model_options},   {0}};
    const char *operands[2];
    enum options_result result =
        options_read(&ask_command, groups, n_argument, arguments, operands);
    if (result != OPTIONS_READ)
        return options_status(result);
    settings->directory = operands[0];
    settings->question = operands[1];
    if (!check(settings) || !sampling_flags_settle(&settings->sampling, "ask"))
        return EXIT_FAILURE;
    if (!settings->format && !settings->sampling.stops.n)
        settings->sampling.stops = (struct text_list){{"\nQuestion:"}, 1, false};
    method_flags_spare(&settings->method, &settings->model.settings);
    bool fine = run_ask(&ask);
    release(&ask);
    return !fine ? EXIT_FAILURE : interrupted() ? EXIT_INTERRUPTED : EXIT_SUCCESS;
}

const struct command ask_command = {
    .name = "ask",
    .operands = "MODEL [QUESTION]",
    .summary = "Reads a document once, and answers questions about it.",
    .notes =
        "Without QUESTION, each line of standard input is one; on a terminal they are typed behind "
        "a prompt. Ctrl-C ends an answer, Ctrl-D the command. Every question goes on from the "
        "document alone and sees no other, unless --keep is given.\n\n"
        "What was read is kept as a session file, so the next time no reading is needed. Its name "
        "holds a hash of the document, the model, the method, --dtype and the version: where one "
        "of these has changed, the document is read anew. A terminal is told where it is; nothing "
        "removes it but you.",
    .manual = "# JSON\n\nThe object of --json holds question, answer, ids (the generated ones), "
              "question_tokens, generated_tokens, stop_reason (length, end_token, stop_string or "
              "interrupted), document_tokens, session (the file, or null), and the time of reading "
              "the question and of generating.\n\n# EDITING\n\nWhere the program was built with "
              "libedit, the prompt has a history (arrow keys, Ctrl-R) and the keys of emacs, and "
              "~/.editrc is heeded.",
    .example = "decimamba ask mamba-130m --file book.txt --layers 12 --base-length 2000\n"
               "decimamba ask mamba-130m --file book.txt 'Who is the captain?'\n"
               "decimamba ask mamba-130m --file book.txt --json < questions.txt",
    .min_operand = 1,
    .max_operand = 2,
    .run = run,
};
