/* A request as it has arrived, whole. */
#ifndef DECIMAMBA_SERVE_REQUEST_H
#define DECIMAMBA_SERVE_REQUEST_H

#include <stddef.h>

struct request {
    const char *method;       /* "GET", ... */
    const char *path;         /* "/v1/models": what precedes a question mark, decoded */
    const char *item;         /* what stands for * in the path of its route, or "" */
    const char *content_type; /* or "" */
    const char *name;         /* "?name=", of a document; or NULL */
    const char *settings;     /* "?method=", of a document; or NULL */
    const char *body;         /* [n_body], followed by no NUL */
    size_t n_body;
};

#endif
