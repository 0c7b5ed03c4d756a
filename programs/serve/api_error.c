#include "api_error.h"

#include <stdarg.h>
#include <stdio.h>

/* Of a status: OpenAI's type and code. */
static const struct {
    int status;
    const char *type, *code;
    unsigned retry_after;
} kinds[] = {
    {400, "invalid_request_error", NULL, 0},
    {401, "invalid_request_error", "invalid_api_key", 0},
    {403, "invalid_request_error", "forbidden", 0},
    {404, "invalid_request_error", "not_found", 0},
    {405, "invalid_request_error", "method_not_allowed", 0},
    {408, "invalid_request_error", "request_timeout", 0},
    {409, "invalid_request_error", "conflict", 0},
    {413, "invalid_request_error", "request_too_large", 0},
    {415, "invalid_request_error", "unsupported_media_type", 0},
    {429, "rate_limit_error", "rate_limit_exceeded", 1},
    {500, "server_error", NULL, 0},
    {503, "server_error", "unavailable", 5},
    {507, "server_error", "insufficient_storage", 0},
};

static void fill(struct api_error *error, int status, const char *param, const char *format,
                 va_list arguments) {
    *error = (struct api_error){.status = status, .type = "server_error"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i].status == status) {
            error->type = kinds[i].type;
            error->code = kinds[i].code;
            error->retry_after = kinds[i].retry_after;
        }
    snprintf(error->param, sizeof error->param, "%s", param ? param : "");
    vsnprintf(error->message, sizeof error->message, format, arguments);
}

bool refuse(struct api_error *error, const char *param, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fill(error, 400, param, format, arguments);
    va_end(arguments);
    return false;
}

bool refuse_as(struct api_error *error, int status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fill(error, status, NULL, format, arguments);
    va_end(arguments);
    return false;
}

bool refuse_memory(struct api_error *error) {
    return refuse_as(error, 500, "memory is short");
}

/* A message may name what a client sent, cut within a character. */
static json_t *text_json(const char *text) {
    json_t *string = json_string(text);
    char ascii[sizeof((struct api_error *)0)->message];
    size_t n = 0;
    for (; !string && text[n] && n + 1 < sizeof ascii; n++)
        ascii[n] = (char)((unsigned char)text[n] < 0x80 ? text[n] : '?');
    ascii[n] = 0;
    return string ? string : json_string(ascii);
}

json_t *api_error_json(const struct api_error *error) {
    return json_pack("{s{so ss so so}}", "error", "message", text_json(error->message), "type",
                     error->type, "param", *error->param ? text_json(error->param) : json_null(),
                     "code", error->code ? json_string(error->code) : json_null());
}

void reply_error(struct reply *reply, const struct api_error *error) {
    reply->retry_after = error->retry_after; /* nobody reads it before the status */
    reply_send_json(reply, error->status, api_error_json(error));
}
