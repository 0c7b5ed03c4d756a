/* Which path leads where. */
#include <string.h>

#include "server.h"

/* A path that ends with '*' takes one part of any name there; one with '*' within, before what follows. */
static struct route routes[] = {
    {"GET", "/", 0, true, false, handle_page},
    {"GET", "/health", 0, true, false, handle_health},
    {"GET", "/metrics", 0, false, false, handle_metrics},
    {"GET", "/v1/models", 0, false, false, handle_models},
    {"GET", "/v1/models/*", 0, false, false, handle_model},
    {"POST", "/v1/completions", 0, false, false, handle_completion},
    {"POST", "/v1/chat/completions", 0, false, false, handle_chat},
    {"POST", "/v1/documents", 0, false, true, handle_document_new},
    {"GET", "/v1/documents", 0, false, false, handle_documents},
    {"GET", "/v1/documents/*", 0, false, false, handle_document},
    {"DELETE", "/v1/documents/*", 0, false, true, handle_document_delete},
    {"GET", "/v1/documents/*/text", 0, false, true, handle_document_text},
    {"GET", "/v1/documents/*/kept", 0, false, false, handle_document_kept},
    {"GET", "/v1/documents/*/events", 0, false, false, handle_document_events},
};
enum { n_route = sizeof routes / sizeof *routes };

void set_body_limits(const struct body_limits *limits) {
    for (size_t i = 0; i < n_route; i++)
        if (!strcmp(routes[i].method, "POST"))
            routes[i].max_body =
                routes[i].handle == handle_document_new ? limits->document : limits->request;
}

/* Whether a path is of a route; *item is then what its '*' stands for, which is the rest of the path
 * where the '*' is the last, else a part without a slash. */
static bool matches(const char *pattern, const char *path, const char **item) {
    const char *star = strchr(pattern, '*');
    *item = "";
    if (!star)
        return !strcmp(pattern, path);
    size_t n = (size_t)(star - pattern);
    if (strncmp(pattern, path, n) != 0 || !path[n])
        return false;
    *item = path + n;
    const char *slash = strchr(*item, '/');
    return star[1] ? slash && slash > *item && !strcmp(star + 1, slash) : !slash;
}

const struct route *find_route(void *server, const char *method, const char *path,
                               const char **item, struct api_error *error) {
    bool known = false;
    (void)server;
    if (!strcmp(method, "HEAD")) /* whose answer is sent without its body */
        method = "GET";
    for (size_t i = 0; i < n_route; i++) {
        if (!matches(routes[i].path, path, item))
            continue;
        if (!strcmp(routes[i].method, method))
            return &routes[i];
        known = true;
    }
    if (known)
        refuse_as(error, 405, "%.20s is not what this path is for", method);
    else
        refuse_as(error, 404, "there is nothing at %.200s", path);
    return NULL;
}
