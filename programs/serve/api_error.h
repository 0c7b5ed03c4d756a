/* What is wrong with a request, in OpenAI's form. */
#ifndef DECIMAMBA_SERVE_API_ERROR_H
#define DECIMAMBA_SERVE_API_ERROR_H

#include <stdbool.h>

#include "reply.h"

struct api_error {
    int status;           /* of HTTP */
    const char *type;     /* "invalid_request_error", ...; static */
    const char *code;     /* static, or NULL */
    char param[64];       /* the key that is wrong; "": none */
    char message[600];    /* one line */
    unsigned retry_after; /* seconds; 0: not said */
};

/* Each fills `error` and is false, so that who has failed can say `return refuse(...)`. */
/* 400, with the key that is wrong, or NULL. */
bool refuse(struct api_error *error, const char *param, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Another status, by its usual type and code. */
bool refuse_as(struct api_error *error, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool refuse_memory(struct api_error *error);

/* {"error": ...}; NULL: memory is short. */
json_t *api_error_json(const struct api_error *error);
void reply_error(struct reply *reply, const struct api_error *error);

#endif
