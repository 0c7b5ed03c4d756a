/* What is asked for: the body of POST /v1/completions and /v1/chat/completions. */
#ifndef DECIMAMBA_SERVE_COMPLETION_REQUEST_H
#define DECIMAMBA_SERVE_COMPLETION_REQUEST_H

#include "api_error.h"
#include "cli/sampling_flags.h"
#include "decimamba.h"

enum { max_stop = 16, max_choice = 128, max_id = 64, max_top = 20 };

/* A text to continue: bytes of UTF-8, or ids. */
struct request_prompt {
    const char *text; /* [n_byte]; NULL: ids */
    size_t n_byte;
    int32_t *ids; /* [n_id], allocated; NULL: text */
    size_t n_id;
};

struct completion_request {
    bool chat, stream, include_usage, echo;
    bool keep_prompt;               /* "cache_prompt": keep the state at the prompt's end */
    bool logprobs;                  /* of each token, */
    size_t n_top;                   /* with those of so many likeliest tokens */
    size_t n;                       /* choices for each prompt */
    struct sampling_flags sampling; /* its texts are in `body` */
    bool max_tokens_given;
    const char *model;              /* in `body`, or NULL */
    const char *document;           /* the same */
    const json_t *method;           /* the same */
    struct request_prompt *prompts; /* [n_prompt] of a completion */
    size_t n_prompt;
    dm_chat_message *messages; /* [n_message] of a chat */
    char **contents;           /* [n_message] joined of parts, or NULL */
    size_t n_message;
    json_t *body;
};

/* Reads a body, strictly in what it knows: a key that it does not know is passed over, as clients send
 * many; one that it knows and that asks for what is not done here is refused by name. To be freed where
 * it is read. */
bool completion_request_read(struct completion_request *request, bool chat, const char *body,
                             size_t n_byte, struct api_error *error);
void completion_request_free(struct completion_request *request);

#endif
