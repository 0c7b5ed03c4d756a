/* An answer on its way from whoever makes it to whoever sends it, two threads that each own it. */
#ifndef DECIMAMBA_SERVE_REPLY_H
#define DECIMAMBA_SERVE_REPLY_H

#include <jansson.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

struct reply {
    pthread_mutex_t lock; /* of all that follows */
    int n_owner;
    int status;           /* of HTTP; 0: nobody has decided it yet */
    const char *type;     /* of the content; static */
    bool streams;         /* bytes go out as they come */
    bool done;            /* there will be no more of them */
    bool gone;            /* nobody waits for it any longer */
    bool asleep;          /* `wake` is to be called when something changes */
    unsigned retry_after; /* seconds; 0: not said */
    char *bytes;          /* [n] that are there, of which n_sent were sent */
    size_t n, n_sent, capacity;
    void (*wake)(void *sleeper);
    void *sleeper;
};

#define CONTENT_JSON "application/json"
#define CONTENT_EVENTS "text/event-stream"

/* NULL: memory is short. It has one owner. */
struct reply *reply_new(void);
struct reply *reply_share(struct reply *reply);
void reply_release(struct reply *reply); /* of one owner; NULL is fine */

/* ---- Of whoever makes it ---- */

/* The whole of it. */
void reply_send(struct reply *reply, int status, const char *type, const char *bytes, size_t n);
/* The same of a JSON object, which it takes; NULL: memory was short, which the client is told. */
void reply_send_json(struct reply *reply, int status, json_t *object);
/* Its head: what is added from now on goes out at once. */
void reply_stream(struct reply *reply, const char *type);
/* An event of a stream: "data: " and the object, which it takes. */
void reply_event(struct reply *reply, json_t *object);
void reply_add(struct reply *reply, const char *bytes, size_t n);
void reply_finish(struct reply *reply);
/* Whether the client has left. */
bool reply_is_gone(struct reply *reply);

/* ---- Of whoever sends it ---- */

/* Nobody waits for it. */
void reply_abandon(struct reply *reply);
/* Whether it can be sent: its head where it streams, else all of it. If it cannot, sleeper is woken once
 * when it can, or when the client has left; `fall_asleep` is called under the lock. */
bool reply_ready_or_sleep(struct reply *reply, void (*fall_asleep)(void *sleeper));
/* Bytes of a stream that are there, at most n of them; 0: none, and it sleeps; -1: that was all. */
long reply_take(struct reply *reply, char *to, size_t n, void (*fall_asleep)(void *sleeper));

#endif
