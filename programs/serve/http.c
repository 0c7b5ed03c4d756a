#include "http.h"

#include <errno.h>
#include <microhttpd.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "body.h"
#include "cli/fail.h"
#include "listen.h"

enum { n_thread = 2, header_bytes = 32 << 10, stream_piece = 16 << 10 };

struct http {
    struct MHD_Daemon *daemon;
    struct http_service service;
    pthread_mutex_t lock; /* of the list */
    struct exchange *first;
    pthread_t worker; /* for what takes long, as a disk does: others are answered meanwhile */
    pthread_cond_t work;
    struct exchange *to_work;
    bool started;
    bool stopping; /* there are no new exchanges, */
    bool stopped;  /* and no old ones */
};

/* A request and its reply. */
struct exchange {
    struct http *http;
    struct MHD_Connection *connection;
    struct exchange *next, **link;
    const struct route *route;
    const char *method, *path, *item;
    struct body body;
    size_t n_seen;
    bool overflowed; /* the body could not be put anywhere */
    bool handled;
    struct exchange *next_work;
    struct reply *reply;
};

/* ---- Asleep and awake ---- */

static void fall_asleep(void *sleeper) {
    MHD_suspend_connection(((struct exchange *)sleeper)->connection);
}

static void wake(void *sleeper) {
    MHD_resume_connection(((struct exchange *)sleeper)->connection);
}

/* Whether the other side has closed the connection. It may have closed its own half alone; who does so
 * while an answer is being made is taken to have left, as by other servers. */
static bool peer_has_left(const struct exchange *exchange) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    char byte;
    if (!info)
        return false;
    ssize_t n = recv(info->connect_fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

void http_find_gone(struct http *http) {
    pthread_mutex_lock(&http->lock);
    for (struct exchange *at = http->first; at; at = at->next) {
        pthread_mutex_lock(&at->reply->lock); /* awake, its socket is another thread's */
        bool left = at->reply->asleep && peer_has_left(at);
        pthread_mutex_unlock(&at->reply->lock);
        if (left)
            reply_abandon(at->reply);
    }
    pthread_mutex_unlock(&http->lock);
}

/* ---- Exchanges ---- */

/* NULL: memory is short, or the server is about to end. */
static struct exchange *exchange_new(struct http *http, struct MHD_Connection *connection) {
    struct exchange *exchange = calloc(1, sizeof *exchange);
    struct reply *reply = reply_new();
    if (!exchange || !reply) {
        free(exchange);
        reply_release(reply);
        return NULL;
    }
    *exchange = (struct exchange){.http = http, .connection = connection, .reply = reply};
    reply->wake = wake;
    reply->sleeper = exchange;
    pthread_mutex_lock(&http->lock);
    if (http->stopping) {
        pthread_mutex_unlock(&http->lock);
        reply_release(reply);
        free(exchange);
        return NULL;
    }
    exchange->next = http->first;
    exchange->link = &http->first;
    if (http->first)
        http->first->link = &exchange->next;
    http->first = exchange;
    pthread_mutex_unlock(&http->lock);
    return exchange;
}

static void exchange_free(struct exchange *exchange) {
    struct http *http = exchange->http;
    pthread_mutex_lock(&http->lock);
    *exchange->link = exchange->next;
    if (exchange->next)
        exchange->next->link = exchange->link;
    pthread_mutex_unlock(&http->lock);
    reply_abandon(exchange->reply);
    reply_release(exchange->reply);
    body_free(&exchange->body);
    free(exchange);
}

static void completed(void *user, struct MHD_Connection *connection, void **state,
                      enum MHD_RequestTerminationCode code) {
    (void)user, (void)connection, (void)code;
    if (*state)
        exchange_free(*state);
    *state = NULL;
}

/* ---- Sending ---- */

static ssize_t read_stream(void *user, uint64_t position, char *to, size_t n) {
    struct exchange *exchange = user;
    (void)position;
    long n_taken = reply_take(exchange->reply, to, n, fall_asleep);
    return n_taken < 0 ? MHD_CONTENT_READER_END_OF_STREAM : (ssize_t)n_taken;
}

static void add_headers(struct MHD_Response *response, const struct reply *reply) {
    char seconds[16];
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, reply->type);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    if (reply->retry_after) {
        snprintf(seconds, sizeof seconds, "%u", reply->retry_after);
        MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, seconds);
    }
    if (reply->status == 401)
        MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
}

/* A reply that is ready. */
static enum MHD_Result send_reply(struct exchange *exchange) {
    struct reply *reply = exchange->reply;
    struct http_service *service = &exchange->http->service;
    struct MHD_Response *response;
    if (reply_is_gone(reply))
        return MHD_NO; /* closes the connection */
    if (reply->streams)
        response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, stream_piece, read_stream,
                                                     exchange, NULL);
    else
        response = MHD_create_response_from_buffer(reply->n, reply->bytes, MHD_RESPMEM_MUST_COPY);
    if (!response)
        return MHD_NO;
    add_headers(response, reply);
    enum MHD_Result result =
        MHD_queue_response(exchange->connection, (unsigned)reply->status, response);
    MHD_destroy_response(response);
    service->answered(service->server, exchange->route, reply->status);
    return result;
}

/* ---- Receiving ---- */

static const char *header(const struct exchange *exchange, const char *name) {
    return MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND, name);
}

static const char *query(const struct request *request, const char *key) {
    return MHD_lookup_connection_value(request->sender, MHD_GET_ARGUMENT_KIND, key);
}

static bool too_large(const struct exchange *exchange, struct api_error *error) {
    return refuse_as(error, 413, "the body is longer than the %zu bytes that are taken here",
                     exchange->route->max_body);
}

/* A page of another site may make a browser send requests here, though not see what is answered. */
static bool is_of_other_site(const struct exchange *exchange) {
    const char *origin = header(exchange, "Origin"), *host = header(exchange, MHD_HTTP_HEADER_HOST);
    const char *site = origin ? strstr(origin, "://") : NULL;
    return origin && (!site || !host || strcmp(site + 3, host) != 0);
}

/* What the head alone says. */
static bool check_head(struct exchange *exchange, struct api_error *error) {
    struct http_service *service = &exchange->http->service;
    exchange->route = service->find_route(service->server, exchange->method, exchange->path,
                                          &exchange->item, error);
    if (!exchange->route || !service->admit(service->server, exchange->route,
                                            header(exchange, MHD_HTTP_HEADER_AUTHORIZATION), error))
        return false;
    if (is_of_other_site(exchange))
        return refuse_as(error, 403,
                         "the page that asks is of another site (its Origin is not Host)");
    const char *length = header(exchange, MHD_HTTP_HEADER_CONTENT_LENGTH);
    if (length && strtoull(length, NULL, 10) > exchange->route->max_body)
        return too_large(exchange, error);
    return true;
}

/* false: the connection is to be closed, as its client sends and sends. */
static bool take_body(struct exchange *exchange, const char *bytes, size_t n) {
    enum { patience = 2 };
    exchange->n_seen += n;
    if (exchange->n_seen > exchange->route->max_body)
        return exchange->n_seen / patience <= exchange->route->max_body;
    if (!exchange->overflowed)
        exchange->overflowed = !body_add(&exchange->body, bytes, n);
    return true;
}

static void handle(struct exchange *exchange) {
    const char *type = header(exchange, MHD_HTTP_HEADER_CONTENT_TYPE);
    struct api_error error;
    if (exchange->n_seen > exchange->route->max_body) {
        too_large(exchange, &error);
        reply_error(exchange->reply, &error);
    } else if (exchange->overflowed || !body_finish(&exchange->body)) {
        refuse_as(&error, 507, "there is no room for the body");
        reply_error(exchange->reply, &error);
    } else {
        const struct request request = {.method = exchange->method,
                                        .path = exchange->path,
                                        .item = exchange->item,
                                        .content_type = type ? type : "",
                                        .query = query,
                                        .sender = exchange->connection,
                                        .body = exchange->body.bytes,
                                        .n_body = exchange->body.n};
        exchange->route->handle(exchange->http->service.server, &request, exchange->reply);
    }
    body_free(&exchange->body);
}

/* ---- The worker ---- */

static void stay_asleep(void *sleeper) {
    (void)sleeper;
}

/* The connection sleeps while the worker has it. */
static void give_to_worker(struct exchange *exchange) {
    struct http *http = exchange->http;
    fall_asleep(exchange);
    pthread_mutex_lock(&http->lock);
    struct exchange **last = &http->to_work;
    while (*last)
        last = &(*last)->next_work;
    *last = exchange;
    pthread_cond_signal(&http->work);
    pthread_mutex_unlock(&http->lock);
}

/* NULL: there will be none. */
static struct exchange *next_work(struct http *http) {
    pthread_mutex_lock(&http->lock);
    while (!http->to_work && !http->stopped)
        pthread_cond_wait(&http->work, &http->lock);
    struct exchange *exchange = http->to_work;
    if (exchange)
        http->to_work = exchange->next_work;
    pthread_mutex_unlock(&http->lock);
    return exchange;
}

/* A reply that is not ready wakes the connection later: nothing of the exchange is looked at then. */
static void *run_worker(void *user) {
    struct http *http = user;
    struct exchange *exchange;
    while ((exchange = next_work(http))) {
        handle(exchange);
        if (reply_ready_or_sleep(exchange->reply, stay_asleep))
            wake(exchange);
    }
    return NULL;
}

/* Called with the head, then with pieces of the body, then at its end, and again when it has slept. */
static enum MHD_Result take_request(void *user, struct MHD_Connection *connection, const char *url,
                                    const char *method, const char *version, const char *bytes,
                                    size_t *n, void **state) {
    struct exchange *exchange = *state;
    struct api_error error;
    (void)version;
    if (!exchange) {
        exchange = *state = exchange_new(user, connection);
        if (!exchange)
            return MHD_NO;
        exchange->method = method;
        exchange->path = url;
        if (check_head(exchange, &error))
            return MHD_YES;
        reply_error(exchange->reply, &error);
        return send_reply(exchange);
    }
    if (*n) {
        bool taken = take_body(exchange, bytes, *n);
        *n = 0;
        return taken ? MHD_YES : MHD_NO;
    }
    if (!exchange->handled && !reply_is_gone(exchange->reply)) {
        exchange->handled = true;
        if (exchange->route->slow) {
            give_to_worker(exchange);
            return MHD_YES;
        }
        handle(exchange);
    }
    return reply_ready_or_sleep(exchange->reply, fall_asleep) ? send_reply(exchange) : MHD_YES;
}

/* ---- The server ---- */

bool http_open(struct http **result, const char *host, unsigned *port,
               const struct http_limits *limits, const struct http_service *service) {
    struct http *http = calloc(1, sizeof *http);
    bool is_ipv6;
    if (!http)
        return fail_memory();
    http->service = *service;
    pthread_mutex_init(&http->lock, NULL);
    pthread_cond_init(&http->work, NULL);
    *result = http;
    http->started = pthread_create(&http->worker, NULL, run_worker, http) == 0;
    if (!http->started)
        return fail("cannot start a thread");
    int listening = listen_at(host, port, &is_ipv6);
    if (listening >= 0)
        http->daemon = MHD_start_daemon(
            MHD_USE_AUTO | MHD_USE_INTERNAL_POLLING_THREAD | MHD_ALLOW_SUSPEND_RESUME |
                (is_ipv6 ? MHD_USE_IPv6 : 0),
            0, NULL, NULL, take_request, http, MHD_OPTION_LISTEN_SOCKET, listening,
            MHD_OPTION_NOTIFY_COMPLETED, completed, NULL, MHD_OPTION_THREAD_POOL_SIZE,
            (unsigned)n_thread, MHD_OPTION_CONNECTION_LIMIT, (unsigned)limits->n_connection,
            MHD_OPTION_CONNECTION_TIMEOUT, limits->timeout, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
            (size_t)header_bytes, MHD_OPTION_END);
    return http->daemon || (listening >= 0 && fail("%s port %u: cannot serve", host, *port));
}

/* Wakes all that sleep, so that they see that nobody waits. Whether there were any. */
static bool abandon_all(struct http *http) {
    bool any = false;
    pthread_mutex_lock(&http->lock);
    for (struct exchange *at = http->first; at; at = at->next) {
        reply_abandon(at->reply);
        any = true;
    }
    pthread_mutex_unlock(&http->lock);
    return any;
}

/* libmicrohttpd must not be stopped while a connection sleeps. */
void http_close(struct http *http) {
    enum { n_try = 50, milliseconds = 20 };
    if (!http)
        return;
    pthread_mutex_lock(&http->lock);
    http->stopping = true;
    pthread_mutex_unlock(&http->lock);
    for (int i = 0; i < n_try && abandon_all(http); i++)
        poll(NULL, 0, milliseconds);
    pthread_mutex_lock(&http->lock);
    http->stopped = true;
    pthread_cond_signal(&http->work);
    pthread_mutex_unlock(&http->lock);
    if (http->started)
        pthread_join(http->worker, NULL);
    if (http->daemon)
        MHD_stop_daemon(http->daemon);
    pthread_cond_destroy(&http->work);
    pthread_mutex_destroy(&http->lock);
    free(http);
}
