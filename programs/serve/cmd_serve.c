/* decimamba serve: answers over HTTP. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/fail.h"
#include "cli/progress.h"
#include "commands.h"
#include "server.h"

struct serve_settings {
    const char *directory, *host, *name, *store, *api_keys;
    size_t port, n_connection, timeout, drain, n_document;
    size_t memory, max_body, max_document; /* MiB */
    struct scheduler_limits scheduler;
    size_t n_queue;
    struct body_limits bodies;
    size_t max_answer;
    struct model_flags model;
    struct method_flags method;
};

/* ---- Signals ---- */

static int told[2] = {-1, -1}; /* a pipe: a byte for the first signal */

static void note_signal(int number) {
    int fault = errno;
    (void)!write(told[1], "", 1);
    signal(number, SIG_DFL); /* a second one ends the program at once */
    errno = fault;
}

static bool catch_signals(void) {
    const struct sigaction action = {.sa_handler = note_signal};
    signal(SIGPIPE, SIG_IGN);
    if (pipe(told))
        return fail("cannot make a pipe: %s", strerror(errno));
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    return true;
}

/* ---- Serving ---- */

static bool admit(void *user, const struct route *route, const char *authorization,
                  struct api_error *error) {
    struct server *server = user;
    return route->open || api_keys_admit(&server->keys, authorization) ||
           refuse_as(error, 401, "an API key is needed: Authorization: Bearer KEY");
}

static void answered(void *user, const struct route *route, int status) {
    struct server *server = user;
    metrics_answer(&server->metrics, route ? route->method : NULL, route ? route->path : NULL,
                   status);
}

/* Until a signal comes. */
static void wait_for_signal(struct server *server) {
    enum { milliseconds = 300 };
    struct pollfd signalled = {.fd = told[0], .events = POLLIN};
    while (poll(&signalled, 1, milliseconds) <= 0)
        http_find_gone(server->http);
}

static void wait_until_idle(struct server *server, double seconds) {
    double started = seconds_now();
    while (!engine_is_idle(server->engine) && seconds_now() - started < seconds) {
        http_find_gone(server->http);
        poll(NULL, 0, 50);
    }
}

/* Answers that are under way are finished, for as long as that may take; then they are told that they
 * are not. */
static void drain(struct server *server, size_t seconds) {
    const double a_step = 1; /* and a piece of a prompt */
    atomic_store(&server->draining, true);
    engine_drain(server->engine);
    wait_until_idle(server, (double)seconds);
    engine_break_off(server->engine);
    wait_until_idle(server, a_step);
    poll(NULL, 0, 100); /* for the last bytes to go out */
}

static bool open_server(struct server *server, const struct serve_settings *settings,
                        unsigned *port) {
    const struct http_limits limits = {settings->n_connection, (unsigned)settings->timeout};
    const struct http_service service = {server, find_route, admit, answered};
    set_body_limits(&settings->bodies);
    server->started = time(NULL);
    server->max_answer = settings->max_answer;
    metrics_open(&server->metrics);
    if (settings->api_keys && !api_keys_read(&server->keys, settings->api_keys))
        return false;
    if (!served_model_open(&server->served, settings->directory, settings->name, &settings->model,
                           &settings->method) ||
        !documents_open(&server->documents, settings->store, settings->n_document,
                        &server->served) ||
        !engine_start(&server->engine, &server->served, &server->documents, &server->metrics,
                      settings->n_queue, &settings->scheduler))
        return false;
    server->documents.changed = engine_wake;
    server->documents.user = server->engine;
    return http_open(&server->http, settings->host, port, &limits, &service);
}

static bool serve(struct server *server, const struct serve_settings *settings) {
    unsigned port = (unsigned)settings->port;
    if (!catch_signals() || !open_server(server, settings, &port))
        return false;
    bool ipv6 = strchr(settings->host, ':') != NULL;
    printf("http://%s%s%s:%u\n", ipv6 ? "[" : "", settings->host, ipv6 ? "]" : "", port);
    if (!flush_output())
        return false;
    wait_for_signal(server);
    drain(server, settings->drain);
    return true;
}

static void close_server(struct server *server) {
    http_close(server->http);
    engine_stop(server->engine);
    documents_close(&server->documents);
    served_model_close(&server->served);
    api_keys_free(&server->keys);
    metrics_close(&server->metrics);
}

/* ---- The command ---- */

static int run(int n_argument, char **arguments) {
    const size_t mebibyte = 1 << 20;
    struct serve_settings settings = {
        .host = "127.0.0.1",
        .port = 8080,
        .n_connection = 512,
        .timeout = 30,
        .drain = 30,
        .n_document = 1000,
        .memory = 1024,
        .n_queue = 256,
        .scheduler = {.n_session = 64, .prompt_token = 131072, .piece = 256},
        .max_body = 4,
        .max_document = 64,
        .max_answer = 4096};
    struct option model_options[n_model_option], method_options[n_method_option];
    text_model_flags_table(&settings.model, model_options);
    method_flags_table(&settings.method, method_options);
    const struct option server_options[] = {
        {OPTION_TEXT, "host", &settings.host, "ADDRESS",
         .help = "where to listen: a name or an address. 0.0.0.0 or :: is everywhere: then give "
                 "--api-keys, and put a proxy that speaks TLS before it"},
        {OPTION_SIZE, "port", &settings.port, "N", .help = "0: any; the address is printed",
         .max = 65535},
        {OPTION_TEXT, "model-name", &settings.name, "NAME",
         .help = "what requests call the model (default the last part of MODEL)"},
        {OPTION_TEXT, "api-keys", &settings.api_keys, "FILE",
         .help = "answer only who has one of the keys in this file, a line each (one that begins "
                 "with # is a remark)",
         .path = true},
        {OPTION_TEXT, "store", &settings.store, "DIR",
         .help = "keep documents and their states in this folder. Without it they are gone when "
                 "the server ends",
         .path = true},
        {.kind = OPTION_END},
    };
    const struct option limit_options[] = {
        {OPTION_SIZE, "max-answers", &settings.scheduler.n_session, "N",
         .help = "answers that are generated at a time", .min = 1, .max = 4096},
        {OPTION_SIZE, "max-queue", &settings.n_queue, "N",
         .help = "answers that wait beside them: more are refused with status 429", .max = 1e6},
        {OPTION_SIZE, "max-prompt", &settings.scheduler.prompt_token, "N",
         .help = "tokens of a prompt; documents have no such bound", .min = 1, .max = 1e9},
        {OPTION_SIZE, "max-tokens", &settings.max_answer, "N", .help = "tokens of an answer",
         .min = 1, .max = 1e6},
        {OPTION_SIZE, "piece", &settings.scheduler.piece, "N",
         .help = "tokens of prompts or documents that are read between two tokens of answers: more "
                 "are read faster, fewer keep answers from waiting",
         .min = 1, .max = 65536},
        {OPTION_SIZE, "max-body", &settings.max_body, "MIB",
         .help = "size of a request, documents aside", .min = 1, .max = 1024},
        {OPTION_SIZE, "max-document", &settings.max_document, "MIB", .help = "size of a document",
         .min = 1, .max = 1024 * 1024},
        {OPTION_SIZE, "max-documents", &settings.n_document, "N", .help = "documents kept",
         .max = 1e6},
        {OPTION_SIZE, "memory", &settings.memory, "MIB",
         .help = "memory for states of documents and prompts that nobody asks about just now; the "
                 "least recently used leave it first, documents' for the disk",
         .max = 1e7},
        {OPTION_SIZE, "max-connections", &settings.n_connection, "N", .help = "clients at a time",
         .min = 1, .max = 65536},
        {OPTION_SIZE, "timeout", &settings.timeout, "SECONDS",
         .help = "how long a client may be silent while it sends or is sent to", .min = 1,
         .max = 86400},
        {OPTION_SIZE, "drain", &settings.drain, "SECONDS",
         .help = "how long answers may go on after SIGTERM or Ctrl-C; a second one ends the server "
                 "at once",
         .max = 86400},
        {.kind = OPTION_END},
    };
    const struct option_group groups[] = {{"Server", server_options},
                                          {"Limits", limit_options},
                                          {METHOD_TITLE, method_options},
                                          {"Model", model_options},
                                          {0}};
    const char *operands[1];
    enum options_result result =
        options_read(&serve_command, groups, n_argument, arguments, operands);
    if (result != OPTIONS_READ)
        return options_status(result);
    settings.directory = operands[0];
    settings.scheduler.state_byte = settings.memory * mebibyte;
    settings.bodies =
        (struct body_limits){settings.max_body * mebibyte, settings.max_document * mebibyte};
    struct server server = {.http = NULL};
    bool fine = serve(&server, &settings);
    close_server(&server);
    return fine ? EXIT_SUCCESS : EXIT_FAILURE;
}

const struct command serve_command = {
    .name = "serve",
    .operands = "MODEL",
    .summary =
        "Answers over HTTP, as OpenAI's API does, and reads documents once for many questions.",
    .notes =
        "Prints its address, and serves until SIGTERM or Ctrl-C. At that address is a page to try "
        "it "
        "on; the API is OpenAI's: /v1/completions, /v1/chat/completions and /v1/models, with "
        "streaming, so its clients work as they are. /health and /metrics are for who looks after "
        "it.\n\n"
        "A document (POST /v1/documents) is read in the background, and its state kept: any number "
        "of prompts go on from it (\"document\": ID) without reading it again. Requests choose a "
        "method as the flags below do, by a key \"method\"; what they leave out is as these flags "
        "say. Answers are those of 'decimamba generate'.",
    .manual = "# API\n\nEvery path and key, and how the server runs, is in docs/serving.md of the "
              "project.\n\n# FILES\n\nThe folder of --store holds for each document ID.document, "
              "its text behind a line of JSON, and, once it has been read, ID.session, its state, "
              "with ID.json, which says what it is of. One server at a time may have it.\n\n"
              "# EXIT STATUS\n\n0 after SIGTERM or Ctrl-C, when answers under way were finished "
              "or --drain seconds were over.",
    .example = "decimamba serve mamba-130m --store documents\n"
               "decimamba serve models/passkey-512 --port 0",
    .min_operand = 1,
    .max_operand = 1,
    .run = run,
};
