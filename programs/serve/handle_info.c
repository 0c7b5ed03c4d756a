/* What the server says of itself. */
#include <stdlib.h>
#include <string.h>

#include "cli/json_output.h"
#include "page.h"
#include "server.h"

void handle_page(void *server, const struct request *request, struct reply *reply) {
    (void)server, (void)request;
    reply_stream(reply, "text/html; charset=utf-8");
    for (const char *const *line = page_lines; *line; line++)
        reply_add(reply, *line, strlen(*line));
    reply_finish(reply);
}

static json_t *model_json(const struct server *server) {
    const struct served_model *served = &server->served;
    return json_pack("{ss ss sI ss sb sO so}", "id", served->name, "object", "model", "created",
                     (json_int_t)server->started, "owned_by", "decimamba", "chat",
                     served->chat != NULL, "method", served->method->json, "trained_length",
                     served->info.trained_length ? json_size(served->info.trained_length)
                                                 : json_null());
}

void handle_models(void *user, const struct request *request, struct reply *reply) {
    (void)request;
    reply_send_json(reply, 200, json_pack("{ss s[o]}", "object", "list", "data", model_json(user)));
}

void handle_model(void *user, const struct request *request, struct reply *reply) {
    const struct server *server = user;
    struct api_error error;
    if (!strcmp(request->item, server->served.name)) {
        reply_send_json(reply, 200, model_json(server));
        return;
    }
    refuse_as(&error, 404, "there is no model '%.80s' here", request->item);
    error.code = "model_not_found";
    reply_error(reply, &error);
}

void handle_health(void *user, const struct request *request, struct reply *reply) {
    struct server *server = user;
    bool draining = atomic_load(&server->draining);
    (void)request;
    reply_send_json(reply, draining ? 503 : 200,
                    json_pack("{ss}", "status", draining ? "draining" : "ok"));
}

void handle_metrics(void *user, const struct request *request, struct reply *reply) {
    struct server *server = user;
    size_t n_status[N_DOCUMENT_STATUS];
    (void)request;
    documents_count(&server->documents, n_status);
    char *text = metrics_text(&server->metrics, n_status);
    if (text)
        reply_send(reply, 200, "text/plain; version=0.0.4; charset=utf-8", text, strlen(text));
    else
        reply_send_json(reply, 500, NULL);
    free(text);
}
