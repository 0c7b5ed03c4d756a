/* What the handlers of requests work with. */
#ifndef DECIMAMBA_SERVE_SERVER_H
#define DECIMAMBA_SERVE_SERVER_H

#include <stdatomic.h>

#include "api_keys.h"
#include "engine.h"
#include "http.h"

struct server {
    struct served_model served;
    struct documents documents;
    struct engine *engine;
    struct http *http;
    struct api_keys keys;
    struct metrics metrics;
    long started;
    atomic_bool draining;
    size_t max_answer; /* tokens */
};

/* Each answers by the reply, now or, where the engine is to work, later. */
void handle_completion(void *server, const struct request *request, struct reply *reply);
void handle_chat(void *server, const struct request *request, struct reply *reply);
void handle_models(void *server, const struct request *request, struct reply *reply);
void handle_model(void *server, const struct request *request, struct reply *reply);
void handle_health(void *server, const struct request *request, struct reply *reply);
void handle_page(void *server, const struct request *request, struct reply *reply);
void handle_document_new(void *server, const struct request *request, struct reply *reply);
void handle_documents(void *server, const struct request *request, struct reply *reply);
void handle_document(void *server, const struct request *request, struct reply *reply);
void handle_document_delete(void *server, const struct request *request, struct reply *reply);
void handle_document_text(void *server, const struct request *request, struct reply *reply);
void handle_document_kept(void *server, const struct request *request, struct reply *reply);
void handle_metrics(void *server, const struct request *request, struct reply *reply);
void handle_document_events(void *server, const struct request *request, struct reply *reply);

/* The routes, the last with a NULL path; the sizes of bodies are to be set. */
struct body_limits {
    size_t request, document;
};
const struct route *find_route(void *server, const char *method, const char *path,
                               const char **item, struct api_error *error);
void set_body_limits(const struct body_limits *limits);

#endif
