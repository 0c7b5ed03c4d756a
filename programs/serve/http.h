/* HTTP, by libmicrohttpd: takes requests, their bodies within bounds, and sends replies. */
#ifndef DECIMAMBA_SERVE_HTTP_H
#define DECIMAMBA_SERVE_HTTP_H

#include "api_error.h"
#include "request.h"

struct http_limits {
    size_t n_connection;
    unsigned timeout; /* seconds without a byte from a client, or to it */
};

/* What a path and a method lead to. */
struct route {
    const char *method;
    const char *path; /* "/v1/documents/" "*": one part of any name */
    size_t max_body;  /* bytes */
    bool open;        /* needs no API key */
    bool slow;        /* waits for a disk, so others are not to wait for it */
    void (*handle)(void *server, const struct request *request, struct reply *reply);
};

/* Who serves. */
struct http_service {
    void *server; /* given to what follows */
    const struct route *(*find_route)(void *server, const char *method, const char *path,
                                      const char **item, struct api_error *error);
    /* Before the body is read: whether the client may ask this. `authorization` may be NULL. */
    bool (*admit)(void *server, const struct route *route, const char *authorization,
                  struct api_error *error);
    /* For the metrics: a request was answered. */
    void (*answered)(void *server, const struct route *route, int status);
};

struct http;
/* Listens at a host's address; port 0: any, and *port says which. `host` is a name or an address. Faults
 * print their line. */
bool http_open(struct http **http, const char *host, unsigned *port,
               const struct http_limits *limits, const struct http_service *service);
/* Marks the replies whose clients have left: while it waits for an answer, a connection is not looked
 * at. To be called now and then. */
void http_find_gone(struct http *http);
/* Breaks off what is under way. NULL is fine. */
void http_close(struct http *http);

#endif
