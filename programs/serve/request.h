/* A request as it has arrived, whole. */
#ifndef DECIMAMBA_SERVE_REQUEST_H
#define DECIMAMBA_SERVE_REQUEST_H

#include <stddef.h>

struct request {
    const char *method;       /* "GET", ... */
    const char *path;         /* "/v1/models": what precedes a question mark, decoded */
    const char *item;         /* what stands for * in the path of its route, or "" */
    const char *content_type; /* or "" */
    /* what follows a question mark in the address: the value of a key, decoded, or NULL */
    const char *(*query)(const struct request *request, const char *key);
    void *sender;     /* of `query` */
    const char *body; /* [n_body], followed by no NUL */
    size_t n_body;
};

#endif
