#include "engine.h"

#include <stdlib.h>

#include "cli/fail.h"

struct engine {
    struct scheduler scheduler; /* of the thread */
    pthread_t thread;
    bool started;
    size_t max_choice;    /* that are answered or wait */
    pthread_mutex_t lock; /* of these: */
    pthread_cond_t changed;
    struct task *arrived; /* in the order they came */
    struct inspection *asked;
    bool woken;
};

/* ---- Of HTTP's threads ---- */

/* Under the lock. */
static bool has_room(struct engine *engine, size_t n, struct api_error *error) {
    size_t n_taken = atomic_load(&engine->scheduler.n_choice);
    if (atomic_load(&engine->scheduler.draining))
        return refuse_as(error, 503, "the server is about to end");
    if (n > engine->max_choice)
        return refuse(error, "n", "n: at most %zu answers are made at a time", engine->max_choice);
    return n_taken + n <= engine->max_choice ||
           refuse_as(error, 429, "too many requests wait already: try again later");
}

bool engine_submit(struct engine *engine, struct completion *completion, struct api_error *error) {
    size_t n = completion->n_task * completion->request.n;
    pthread_mutex_lock(&engine->lock);
    bool fine = has_room(engine, n, error);
    if (fine) {
        struct task **last = &engine->arrived;
        while (*last)
            last = &(*last)->next;
        for (size_t i = 0; i < completion->n_task; i++) {
            *last = &completion->tasks[i];
            last = &completion->tasks[i].next;
        }
        atomic_fetch_add(&engine->scheduler.n_choice, n);
        pthread_cond_signal(&engine->changed);
    }
    pthread_mutex_unlock(&engine->lock);
    if (!fine)
        completion_free(completion);
    return fine;
}

bool engine_inspect(struct engine *engine, struct document *document, struct reply *reply,
                    struct api_error *error) {
    const size_t enough = 16;
    struct inspection *inspection = inspection_new(engine->scheduler.documents, document, reply);
    if (!inspection)
        return refuse_memory(error);
    pthread_mutex_lock(&engine->lock);
    bool fine = atomic_load(&engine->scheduler.n_inspection) < enough &&
                !atomic_load(&engine->scheduler.draining);
    if (fine) {
        inspection->next = engine->asked;
        engine->asked = inspection;
        atomic_fetch_add(&engine->scheduler.n_inspection, 1);
        pthread_cond_signal(&engine->changed);
    }
    pthread_mutex_unlock(&engine->lock);
    if (fine)
        return true;
    inspection_free(inspection);
    return refuse_as(error, 429, "too many requests wait already: try again later");
}

void engine_wake(void *user) {
    struct engine *engine = user;
    pthread_mutex_lock(&engine->lock);
    engine->woken = true;
    pthread_cond_signal(&engine->changed);
    pthread_mutex_unlock(&engine->lock);
}

void engine_drain(struct engine *engine) {
    pthread_mutex_lock(&engine->lock); /* who was let in before counts */
    atomic_store(&engine->scheduler.draining, true);
    pthread_mutex_unlock(&engine->lock);
}

void engine_break_off(struct engine *engine) {
    atomic_store(&engine->scheduler.breaking_off, true);
    engine_wake(engine);
}

bool engine_is_idle(struct engine *engine) {
    return !atomic_load(&engine->scheduler.n_choice) &&
           !atomic_load(&engine->scheduler.n_inspection);
}

/* ---- The thread ---- */

/* Takes what has arrived. Where there is nothing to do, waits until there is. false: it is to end. */
static bool take_arrived(struct engine *engine, bool idle) {
    struct scheduler *scheduler = &engine->scheduler;
    struct task **last = &scheduler->tasks;
    pthread_mutex_lock(&engine->lock);
    while (idle && !engine->arrived && !engine->asked && !engine->woken &&
           !atomic_load(&scheduler->stopping))
        pthread_cond_wait(&engine->changed, &engine->lock);
    engine->woken = false;
    while (*last)
        last = &(*last)->next;
    *last = engine->arrived;
    engine->arrived = NULL;
    while (engine->asked) {
        struct inspection *first = engine->asked;
        engine->asked = first->next;
        first->next = scheduler->inspections;
        scheduler->inspections = first;
    }
    pthread_mutex_unlock(&engine->lock);
    return !atomic_load(&scheduler->stopping);
}

static void *run(void *user) {
    struct engine *engine = user;
    bool idle = false;
    while (take_arrived(engine, idle))
        idle = !scheduler_turn(&engine->scheduler);
    return NULL;
}

bool engine_start(struct engine **result, const struct served_model *served,
                  struct documents *documents, struct metrics *metrics, size_t n_queue,
                  const struct scheduler_limits *limits) {
    struct engine *engine = *result = calloc(1, sizeof *engine);
    if (!engine)
        return fail_memory();
    engine->max_choice = limits->n_session + n_queue;
    pthread_mutex_init(&engine->lock, NULL);
    pthread_cond_init(&engine->changed, NULL);
    if (!scheduler_open(&engine->scheduler, served, documents, metrics, limits))
        return false;
    engine->started = pthread_create(&engine->thread, NULL, run, engine) == 0;
    return engine->started || fail("cannot start a thread");
}

void engine_stop(struct engine *engine) {
    if (!engine)
        return;
    pthread_mutex_lock(&engine->lock);
    atomic_store(&engine->scheduler.stopping, true);
    pthread_cond_signal(&engine->changed);
    pthread_mutex_unlock(&engine->lock);
    if (engine->started)
        pthread_join(engine->thread, NULL);
    scheduler_close(&engine->scheduler);
    pthread_cond_destroy(&engine->changed);
    pthread_mutex_destroy(&engine->lock);
    free(engine);
}
