#include "reply.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"

enum { digits = 10 }; /* of numbers, as --json has them */

struct reply *reply_new(void) {
    struct reply *reply = calloc(1, sizeof *reply);
    if (!reply)
        return NULL;
    pthread_mutex_init(&reply->lock, NULL);
    reply->n_owner = 1;
    return reply;
}

struct reply *reply_share(struct reply *reply) {
    pthread_mutex_lock(&reply->lock);
    reply->n_owner++;
    pthread_mutex_unlock(&reply->lock);
    return reply;
}

void reply_release(struct reply *reply) {
    if (!reply)
        return;
    pthread_mutex_lock(&reply->lock);
    int n_left = --reply->n_owner;
    pthread_mutex_unlock(&reply->lock);
    if (n_left)
        return;
    pthread_mutex_destroy(&reply->lock);
    free(reply->bytes);
    free(reply);
}

/* ---- Making it ---- */

/* Under the lock. */
static void wake(struct reply *reply) {
    if (!reply->asleep)
        return;
    reply->asleep = false;
    reply->wake(reply->sleeper);
}

/* Under the lock. Where memory is short the answer ends: a stream broken off, else an error. */
static void add(struct reply *reply, const char *bytes, size_t n) {
    if (reply->gone || reply->done)
        return;
    if (reply->n_sent == reply->n)
        reply->n_sent = reply->n = 0;
    char *room = dm_grow(reply->bytes, reply->n, n, &reply->capacity, 1);
    if (!room) {
        reply->gone = true;
        return;
    }
    reply->bytes = room;
    memcpy(reply->bytes + reply->n, bytes, n);
    reply->n += n;
}

void reply_send(struct reply *reply, int status, const char *type, const char *bytes, size_t n) {
    pthread_mutex_lock(&reply->lock);
    reply->status = status;
    reply->type = type;
    add(reply, bytes, n);
    reply->done = true;
    wake(reply);
    pthread_mutex_unlock(&reply->lock);
}

void reply_send_json(struct reply *reply, int status, json_t *object) {
    static const char short_of_memory[] =
        "{\"error\":{\"message\":\"memory is short\",\"type\":\"server_error\",\"param\":null,"
        "\"code\":null}}";
    char *text = object ? json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(digits)) : NULL;
    json_decref(object);
    if (text)
        reply_send(reply, status, CONTENT_JSON, text, strlen(text));
    else
        reply_send(reply, 500, CONTENT_JSON, short_of_memory, sizeof short_of_memory - 1);
    free(text);
}

void reply_stream(struct reply *reply, const char *type) {
    pthread_mutex_lock(&reply->lock);
    reply->status = 200;
    reply->type = type;
    reply->streams = true;
    wake(reply);
    pthread_mutex_unlock(&reply->lock);
}

void reply_add(struct reply *reply, const char *bytes, size_t n) {
    pthread_mutex_lock(&reply->lock);
    add(reply, bytes, n);
    wake(reply);
    pthread_mutex_unlock(&reply->lock);
}

void reply_event(struct reply *reply, json_t *object) {
    char *text = object ? json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(digits)) : NULL;
    json_decref(object);
    pthread_mutex_lock(&reply->lock);
    if (text) {
        add(reply, "data: ", strlen("data: "));
        add(reply, text, strlen(text));
        add(reply, "\n\n", 2);
    } else {
        reply->gone = true;
    }
    wake(reply);
    pthread_mutex_unlock(&reply->lock);
    free(text);
}

void reply_finish(struct reply *reply) {
    pthread_mutex_lock(&reply->lock);
    reply->done = true;
    wake(reply);
    pthread_mutex_unlock(&reply->lock);
}

bool reply_is_gone(struct reply *reply) {
    pthread_mutex_lock(&reply->lock);
    bool gone = reply->gone;
    pthread_mutex_unlock(&reply->lock);
    return gone;
}

/* ---- Sending it ---- */

void reply_abandon(struct reply *reply) {
    pthread_mutex_lock(&reply->lock);
    reply->gone = true;
    wake(reply);
    pthread_mutex_unlock(&reply->lock);
}

/* Under the lock. */
static void sleep_on(struct reply *reply, void (*fall_asleep)(void *sleeper)) {
    reply->asleep = true;
    fall_asleep(reply->sleeper);
}

bool reply_ready_or_sleep(struct reply *reply, void (*fall_asleep)(void *sleeper)) {
    pthread_mutex_lock(&reply->lock);
    bool ready = reply->gone || (reply->status && (reply->done || reply->streams));
    if (!ready)
        sleep_on(reply, fall_asleep);
    pthread_mutex_unlock(&reply->lock);
    return ready;
}

long reply_take(struct reply *reply, char *to, size_t n, void (*fall_asleep)(void *sleeper)) {
    pthread_mutex_lock(&reply->lock);
    size_t n_there = reply->n - reply->n_sent;
    long n_taken;
    n = n < n_there ? n : n_there;
    if (n && !reply->gone) {
        memcpy(to, reply->bytes + reply->n_sent, n);
        reply->n_sent += n;
        n_taken = n < LONG_MAX ? (long)n : 0;
    } else if (reply->gone || reply->done) {
        n_taken = -1;
    } else {
        sleep_on(reply, fall_asleep);
        n_taken = 0;
    }
    pthread_mutex_unlock(&reply->lock);
    return n_taken;
}
