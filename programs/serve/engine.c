#include "engine.h"

#include <stdlib.h>
#include <string.h>

#include "cli/fail.h"
#include "document_reading.h"
#include "document_state.h"
#include "engine_tasks.h"

struct engine {
    const struct served_model *served;
    struct documents *documents;
    struct metrics *metrics;
    struct engine_limits limits;
    pthread_t thread;
    bool started;

    pthread_mutex_t lock; /* of these: */
    pthread_cond_t changed;
    struct task *arrived; /* in the order they came */
    struct inspection *asked;
    size_t n_asked;  /* inspections that are not over */
    size_t n_choice; /* that were taken and are not over */
    bool woken, draining, stopping;

    /* of the thread alone */
    struct task *tasks; /* in the order they came */
    struct inspection *inspections;
    bool stepping_meanwhile; /* a step within another call */
    struct states states;
    struct task_room room;
    size_t n_live;            /* choices of tasks that have begun */
    float *logits;            /* [n_session, vocab_size] */
    struct choice **stepping; /* [n_session] */
    dm_session **sessions;    /* [n_session], of a call */
    int32_t *next;
    const int32_t **ids;
    size_t *n_id;
    struct task **reading; /* [n_session] */
    bool document_turn;    /* documents have waited for a turn */
    size_t last_document;  /* which had the last turn */
};

/* ---- Requests come and go ---- */

bool engine_submit(struct engine *engine, struct completion *completion, struct api_error *error) {
    size_t n = completion->n_task * completion->request.n;
    bool fine = true;
    pthread_mutex_lock(&engine->lock);
    if (engine->draining)
        fine = refuse_as(error, 503, "the server is about to end");
    else if (engine->n_choice + n > engine->limits.n_session + engine->limits.n_queue)
        fine = refuse_as(error, 429, "too many requests wait already: try again later");
    if (fine) {
        struct task **last = &engine->arrived;
        while (*last)
            last = &(*last)->next;
        for (size_t i = 0; i < completion->n_task; i++) {
            *last = &completion->tasks[i];
            last = &completion->tasks[i].next;
        }
        engine->n_choice += n;
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
    struct inspection *inspection = inspection_new(engine->documents, document, reply);
    if (!inspection)
        return refuse_memory(error);
    pthread_mutex_lock(&engine->lock);
    bool fine = engine->n_asked < enough && !engine->draining;
    if (fine) {
        inspection->next = engine->asked;
        engine->asked = inspection;
        engine->n_asked++;
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
    pthread_mutex_lock(&engine->lock);
    engine->draining = true;
    pthread_mutex_unlock(&engine->lock);
}

static bool is_draining(struct engine *engine) {
    pthread_mutex_lock(&engine->lock);
    bool draining = engine->draining;
    pthread_mutex_unlock(&engine->lock);
    return draining;
}

bool engine_is_idle(struct engine *engine) {
    pthread_mutex_lock(&engine->lock);
    bool idle = !engine->n_choice;
    pthread_mutex_unlock(&engine->lock);
    return idle;
}

/* Takes what has arrived. Where there is nothing to do, waits until there is. false: it is to end. */
static bool take_arrived(struct engine *engine, bool idle) {
    struct task **last = &engine->tasks;
    pthread_mutex_lock(&engine->lock);
    while (idle && !engine->arrived && !engine->asked && !engine->woken && !engine->stopping)
        pthread_cond_wait(&engine->changed, &engine->lock);
    engine->woken = false;
    while (*last)
        last = &(*last)->next;
    *last = engine->arrived;
    engine->arrived = NULL;
    while (engine->asked) {
        struct inspection *first = engine->asked;
        engine->asked = first->next;
        first->next = engine->inspections;
        engine->inspections = first;
    }
    bool goes_on = !engine->stopping;
    pthread_mutex_unlock(&engine->lock);
    return goes_on;
}

static void drop_deleted(struct engine *engine) {
    struct document *document;
    while ((document = documents_take_deleted(engine->documents))) {
        document_stop_reading(document);
        if (document->state)
            states_remove(&engine->states, document->state);
        document_free(document);
    }
}

/* Takes tasks that are over off the list, and frees requests of which all are. */
static void sweep(struct engine *engine) {
    struct task **link = &engine->tasks, *task;
    size_t n_over = 0;
    while ((task = *link)) {
        struct completion *completion = task->completion;
        if (task->state != TASK_OVER && (completion->failed || reply_is_gone(completion->reply)))
            task_cancel(task);
        if (task->state != TASK_OVER) {
            link = &task->next;
            continue;
        }
        *link = task->next;
        n_over += task->n_choice;
        if (++completion->n_swept == completion->n_task)
            completion_free(completion);
    }
    pthread_mutex_lock(&engine->lock);
    engine->n_choice -= n_over;
    pthread_mutex_unlock(&engine->lock);
}

/* ---- Beginning ---- */

/* Tasks begin in the order they came, as many as there is room for; those whose documents are being
 * read let others go first. */
static void begin_tasks(struct engine *engine) {
    bool draining = is_draining(engine);
    size_t n_live = 0;
    for (struct task *task = engine->tasks; task; task = task->next)
        if (task->state != TASK_WAITING && task->state != TASK_OVER)
            n_live += task->n_choice;
    for (struct task *task = engine->tasks; task; task = task->next) {
        if (task->state != TASK_WAITING)
            continue;
        if (n_live && n_live + task->n_choice > engine->limits.n_session)
            break;
        task_begin(&engine->room, task, draining);
        if (task->state != TASK_WAITING && task->state != TASK_OVER)
            n_live += task->n_choice;
    }
}

/* As much of prompts as takes some milliseconds. */
static void encode(struct engine *engine) {
    int n_piece = 4;
    for (struct task *task = engine->tasks; task && n_piece; task = task->next)
        if (task->state == TASK_ENCODING) {
            task_encode_some(&engine->room, task);
            n_piece--;
        }
}

/* ---- Stepping ---- */

static int by_method(const void *a, const void *b) {
    const struct choice *first = *(struct choice *const *)a, *second = *(struct choice *const *)b;
    return strcmp(first->task->completion->method->key, second->task->completion->method->key);
}

static size_t list_stepping(struct engine *engine) {
    size_t n = 0;
    for (struct task *task = engine->tasks; task; task = task->next)
        for (size_t i = 0; i < task->n_choice && task->state == TASK_ANSWERING; i++)
            if (!task->choices[i].done)
                engine->stepping[n++] = &task->choices[i];
    qsort(engine->stepping, n, sizeof *engine->stepping, by_method);
    return n;
}

/* A token of every answer. */
static bool step(struct engine *engine) {
    size_t n = list_stepping(engine), vocab_size = engine->served->info.vocab_size;
    struct api_error told;
    dm_error error;
    for (size_t i = 0; i < n; i++) {
        engine->sessions[i] = engine->stepping[i]->session;
        engine->next[i] = engine->stepping[i]->next;
    }
    if (n)
        metrics_count(engine->metrics, STEPS, 1);
    if (n && dm_step_many(engine->sessions, n, engine->next, engine->logits, &error)) {
        complain("%s", error.message);
        refuse_as(&told, 500, "the answer had to be broken off");
        for (size_t i = 0; i < n; i++)
            task_fail(engine->stepping[i]->task, &told);
        return true;
    }
    for (size_t i = 0; i < n; i++)
        if (engine->stepping[i]->task->state == TASK_ANSWERING)
            choice_draw(&engine->room, engine->stepping[i], engine->logits + i * vocab_size);
    return n > 0;
}

/* Told of a long call's progress: other answers go on meanwhile. A server that stops need not end it. */
static int step_meanwhile(size_t n_done, size_t n_total, void *user) {
    struct engine *engine = user;
    (void)n_total;
    if (!n_done || engine->stepping_meanwhile)
        return 0;
    engine->stepping_meanwhile = true;
    step(engine);
    engine->stepping_meanwhile = false;
    pthread_mutex_lock(&engine->lock);
    bool stopping = engine->stopping;
    pthread_mutex_unlock(&engine->lock);
    return stopping;
}

/* ---- Reading ---- */

static size_t left_of(const struct task *task) {
    return task->n_id - task->n_read;
}

static int shortest_first(const void *a, const void *b) {
    size_t first = left_of(*(struct task *const *)a), second = left_of(*(struct task *const *)b);
    return first < second ? -1 : first > second;
}

/* Tasks that are to be read, the shortest first. */
static size_t list_reading(struct engine *engine) {
    size_t n = 0;
    for (struct task *task = engine->tasks; task; task = task->next)
        if (task->state == TASK_READING)
            engine->reading[n++] = task;
    qsort(engine->reading, n, sizeof *engine->reading, shortest_first);
    return n;
}

/* A piece of the shortest prompts, as many of its method as fit, as one packed batch; those that were
 * read are answered. */
static bool read_prompts(struct engine *engine) {
    size_t n_listed = list_reading(engine), n = 0, n_token = 0;
    struct api_error told;
    dm_error error;
    for (size_t i = 0; i < n_listed && n_token < engine->limits.piece; i++) {
        struct task *task = engine->reading[i];
        if (strcmp(task->completion->method->key, engine->reading[0]->completion->method->key) != 0)
            continue;
        size_t n_left = left_of(task), room = engine->limits.piece - n_token;
        engine->reading[n] = task;
        engine->sessions[n] = task->session;
        engine->ids[n] = task->ids + task->n_read;
        engine->n_id[n] = n_left < room ? n_left : room;
        n_token += engine->n_id[n++];
    }
    if (!n)
        return false;
    if (n_token && dm_append_many(engine->sessions, n, engine->ids, engine->n_id, &error)) {
        complain("%s", error.message);
        refuse_as(&told, 500, "the prompt could not be read");
        for (size_t i = 0; i < n; i++)
            task_fail(engine->reading[i], &told);
        return true;
    }
    for (size_t i = 0; i < n; i++) {
        struct task *task = engine->reading[i];
        task->n_read += engine->n_id[i];
        if (left_of(task))
            continue;
        dm_set_progress(step_meanwhile, engine);
        task_answer(&engine->room, task);
        dm_set_progress(NULL, NULL);
    }
    return true;
}

/* The document whose turn it is, or NULL. They take turns in the order they came. */
static struct document *next_document(struct engine *engine) {
    struct document *first = NULL, *found = NULL;
    size_t i = 0, n_first = 0;
    pthread_mutex_lock(&engine->documents->lock);
    for (struct document *at = engine->documents->first; at && !found; at = at->next, i++) {
        if (at->deleted || at->status == DOCUMENT_READY || at->status == DOCUMENT_FAILED)
            continue;
        if (!first) {
            first = at;
            n_first = i;
        }
        if (i > engine->last_document)
            found = at;
    }
    engine->last_document = found ? i - 1 : n_first;
    pthread_mutex_unlock(&engine->documents->lock);
    return found ? found : first;
}

/* Where nobody is answered, a piece may be longer. */
static void read_document(struct engine *engine, struct document *document) {
    enum { longer = 4 };
    size_t n_token = engine->limits.piece * (engine->tasks ? 1 : longer);
    size_t n_before = documents_n_token(engine->documents, document);
    document_read_some(engine->documents, document, &engine->states, n_token);
    size_t n_after = documents_n_token(engine->documents, document);
    if (n_after > n_before)
        metrics_count(engine->metrics, DOCUMENT_TOKENS, n_after - n_before);
}

static bool read_documents(struct engine *engine) {
    struct document *document = is_draining(engine) ? NULL : next_document(engine);
    if (document)
        read_document(engine, document);
    return document != NULL;
}

/* Documents have every second turn where prompts are to be read as well. */
static bool read_some(struct engine *engine) {
    engine->document_turn = !engine->document_turn;
    if (engine->document_turn)
        return read_documents(engine) || read_prompts(engine);
    return read_prompts(engine) || read_documents(engine);
}

/* ---- Looking ---- */

static void drop_inspection(struct engine *engine) {
    struct inspection *over = engine->inspections;
    engine->inspections = over->next;
    inspection_free(over);
    pthread_mutex_lock(&engine->lock);
    engine->n_asked--;
    pthread_mutex_unlock(&engine->lock);
}

/* A piece of the newest. */
static bool inspect(struct engine *engine) {
    if (!engine->inspections)
        return false;
    dm_set_progress(step_meanwhile, engine);
    bool goes_on = inspection_go_on(engine->inspections, &engine->states);
    dm_set_progress(NULL, NULL);
    if (!goes_on)
        drop_inspection(engine);
    return true;
}

/* ---- The thread ---- */

static void tell_metrics(struct engine *engine) {
    size_t n_live = 0, n_waiting = 0;
    for (const struct task *task = engine->tasks; task; task = task->next)
        *(task->state == TASK_WAITING ? &n_waiting : &n_live) += task->n_choice;
    metrics_set(engine->metrics, ANSWERS, n_live);
    metrics_set(engine->metrics, QUEUED, n_waiting);
    metrics_set(engine->metrics, STATES, engine->states.n);
    metrics_set(engine->metrics, STATE_BYTES, engine->states.n_byte);
}

static bool take_turn(struct engine *engine) {
    drop_deleted(engine);
    begin_tasks(engine);
    encode(engine);
    bool stepped = step(engine), read = read_some(engine), inspected = inspect(engine);
    bool encodes = false;
    sweep(engine);
    tell_metrics(engine);
    for (struct task *task = engine->tasks; task; task = task->next)
        encodes = encodes || task->state == TASK_ENCODING;
    return stepped || read || inspected || encodes;
}

static void *run(void *user) {
    struct engine *engine = user;
    bool idle = false;
    while (take_arrived(engine, idle))
        idle = !take_turn(engine);
    for (struct task *task = engine->tasks; task; task = task->next)
        task_cancel(task);
    sweep(engine);
    while (engine->inspections)
        drop_inspection(engine);
    return NULL;
}

static bool allocate(struct engine *engine) {
    size_t n = engine->limits.n_session + max_choice, vocab_size = engine->served->info.vocab_size;
    engine->logits = calloc(n * vocab_size, sizeof *engine->logits);
    engine->room.logits = calloc(vocab_size, sizeof *engine->logits);
    engine->stepping = calloc(n, sizeof *engine->stepping);
    engine->sessions = calloc(n, sizeof *engine->sessions);
    engine->next = calloc(n, sizeof *engine->next);
    engine->ids = calloc(n, sizeof *engine->ids);
    engine->n_id = calloc(n, sizeof *engine->n_id);
    engine->reading = calloc(n, sizeof *engine->reading);
    return (engine->logits && engine->room.logits && engine->stepping && engine->sessions &&
            engine->next && engine->ids && engine->n_id && engine->reading) ||
           fail_memory();
}

bool engine_start(struct engine **result, const struct served_model *served,
                  struct documents *documents, struct metrics *metrics,
                  const struct engine_limits *limits) {
    struct engine *engine = *result = calloc(1, sizeof *engine);
    if (!engine)
        return fail_memory();
    *engine =
        (struct engine){.served = served,
                        .documents = documents,
                        .metrics = metrics,
                        .limits = *limits,
                        .states = {.seed = documents->folder.seed, .max_byte = limits->state_byte}};
    engine->room = (struct task_room){.served = served,
                                      .documents = documents,
                                      .states = &engine->states,
                                      .metrics = metrics,
                                      .max_prompt_token = limits->prompt_token};
    pthread_mutex_init(&engine->lock, NULL);
    pthread_cond_init(&engine->changed, NULL);
    if (!allocate(engine))
        return false;
    for (struct document *at = documents->first; at; at = at->next)
        document_find_state(documents, at, &engine->states);
    engine->started = pthread_create(&engine->thread, NULL, run, engine) == 0;
    return engine->started || fail("cannot start a thread");
}

void engine_stop(struct engine *engine) {
    if (!engine)
        return;
    pthread_mutex_lock(&engine->lock);
    engine->stopping = true;
    pthread_cond_signal(&engine->changed);
    pthread_mutex_unlock(&engine->lock);
    if (engine->started)
        pthread_join(engine->thread, NULL);
    for (struct document *at = engine->documents->first; at; at = at->next)
        document_stop_reading(at);
    states_free(&engine->states);
    free(engine->logits);
    free(engine->room.logits);
    free(engine->stepping);
    free(engine->sessions);
    free(engine->next);
    free(engine->ids);
    free(engine->n_id);
    free(engine->reading);
    pthread_cond_destroy(&engine->changed);
    pthread_mutex_destroy(&engine->lock);
    free(engine);
}
