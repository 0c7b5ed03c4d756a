/* What clients send to `decimamba serve`: behind a line with what it is ("completion", "chat", or the
 * Content-Type of a document), the body. */
#include <string.h>

#include "fuzz.h"
#include "serve/completion_request.h"
#include "serve/upload.h"

static void check_error(bool ok, const struct api_error *error) {
    MUST(ok || (error->status >= 400 && error->status < 600 && *error->message));
    MUST(ok || !strchr(error->message, '\n'));
    if (ok)
        return;
    json_t *told = api_error_json(error);
    MUST(told && json_is_string(json_object_get(json_object_get(told, "error"), "message")));
    json_decref(told);
}

/* ---- Completions ---- */

static void check_prompts(const struct completion_request *request) {
    MUST(request->n_prompt > 0 && request->n_prompt * request->n <= max_choice);
    for (size_t i = 0; i < request->n_prompt; i++) {
        const struct request_prompt *prompt = &request->prompts[i];
        MUST(!prompt->text == (prompt->ids != NULL));
        if (prompt->text)
            fuzz_touch(prompt->text, prompt->n_byte);
        for (size_t k = 0; prompt->ids && k < prompt->n_id; k++)
            MUST(prompt->ids[k] >= 0);
    }
}

static void check_completion(const struct completion_request *request) {
    const struct sampling_flags *sampling = &request->sampling;
    const dm_sampler_options *sampler = &sampling->sampler;
    MUST(request->n >= 1 && request->n <= max_choice && request->n_top <= max_top);
    MUST(sampler->temperature >= 0 && sampler->top_p > 0 && sampler->top_p <= 1);
    MUST(sampler->min_p >= 0 && sampler->min_p <= 1 && sampler->repetition_penalty > 0);
    MUST(sampling->stops.n <= max_stop);
    for (size_t i = 0; i < sampling->stops.n; i++)
        MUST(*sampling->stops.items[i]);
    MUST(!request->n_top || request->logprobs);
    if (request->chat)
        for (size_t i = 0; i < request->n_message; i++)
            MUST(request->messages[i].role && request->messages[i].content);
    else
        check_prompts(request);
    MUST(!request->chat || request->n_message);
}

static void read_completion(bool chat, const char *body, size_t n) {
    struct completion_request request;
    struct api_error error;
    bool ok = completion_request_read(&request, chat, body, n, &error);
    check_error(ok, &error);
    if (!ok)
        return;
    check_completion(&request);
    completion_request_free(&request);
}

/* ---- Documents ---- */

static const char *no_query(const struct request *request, const char *key) {
    (void)request, (void)key;
    return NULL;
}

static void read_document(const char *type, const char *body, size_t n) {
    const struct request request = {
        .content_type = type, .query = no_query, .body = body, .n_body = n};
    struct upload upload;
    struct api_error error;
    bool ok = upload_read(&upload, &request, &error);
    check_error(ok, &error);
    if (ok) {
        json_t *text = json_stringn(upload.text, upload.n_byte);
        MUST(text && upload.n_byte);
        json_decref(text);
        if (upload.name)
            fuzz_touch(upload.name, strlen(upload.name));
        if (!upload.object) /* it is a part of the body */
            MUST(upload.text >= body && upload.text + upload.n_byte <= body + n);
    }
    upload_free(&upload);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char type[128] = "";
    const uint8_t *line = size ? memchr(data, '\n', size) : NULL;
    size_t n_type = line ? (size_t)(line - data) : 0;
    if (!line || n_type >= sizeof type || memchr(data, 0, n_type))
        return 0;
    memcpy(type, data, n_type);
    const char *body = (const char *)line + 1;
    size_t n = size - n_type - 1;
    if (!strcmp(type, "completion") || !strcmp(type, "chat"))
        read_completion(type[1] == 'h', body, n);
    else
        read_document(type, body, n);
    return 0;
}
