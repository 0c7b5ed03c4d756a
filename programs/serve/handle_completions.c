/* POST /v1/completions and /v1/chat/completions: read here, answered by the engine. */
#include "server.h"

/* An answer's length, where the request does not say: OpenAI's 16 for texts, as many as there may be for
 * chats. */
static bool settle_length(struct completion_request *request, size_t max_answer,
                          struct api_error *error) {
    const size_t usual = 16;
    struct sampling_flags *sampling = &request->sampling;
    if (!request->max_tokens_given)
        sampling->max_tokens = request->chat || max_answer < usual ? max_answer : usual;
    return sampling->max_tokens <= max_answer ||
           refuse(error, "max_tokens", "max_tokens: at most %zu are generated here", max_answer);
}

static void handle(struct server *server, bool chat, const struct request *request,
                   struct reply *reply) {
    struct completion_request read;
    struct completion *completion;
    struct api_error error;
    if (!completion_request_read(&read, chat, request->body, request->n_body, &error)) {
        reply_error(reply, &error);
        return;
    }
    if (!settle_length(&read, server->max_answer, &error)) {
        completion_request_free(&read);
        reply_error(reply, &error);
        return;
    }
    if (!completion_new(&completion, &read, &server->served, &server->documents, reply, &error) ||
        !engine_submit(server->engine, completion, &error))
        reply_error(reply, &error);
}

void handle_completion(void *server, const struct request *request, struct reply *reply) {
    handle(server, false, request, reply);
}

void handle_chat(void *server, const struct request *request, struct reply *reply) {
    handle(server, true, request, reply);
}
