#include "scheduler.h"

#include <stdlib.h>
#include <string.h>

#include "cli/fail.h"
#include "document_reading.h"
#include "document_state.h"

/* ---- What is over ---- */

/* A state may have been saved while the document was removed. */
static void drop_deleted(struct scheduler *scheduler) {
    struct document *document;
    while ((document = documents_take_deleted(scheduler->documents))) {
        document_stop_reading(document);
        document_remove_state(&scheduler->documents->folder, document->id);
        if (document->state)
            states_remove(&scheduler->states, document->state);
        document_free(document);
    }
}

/* Takes tasks that are over off the list, and frees requests of which all are. */
static void sweep(struct scheduler *scheduler) {
    struct task **link = &scheduler->tasks, *task;
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
    atomic_fetch_sub(&scheduler->n_choice, n_over);
}

/* ---- Beginning ---- */

/* Tasks begin in the order they came, as many as there is room for; those whose documents are being
 * read let others go first. */
static void begin_tasks(struct scheduler *scheduler) {
    bool draining = atomic_load(&scheduler->draining);
    size_t n_live = 0;
    for (struct task *task = scheduler->tasks; task; task = task->next)
        if (task->state != TASK_WAITING && task->state != TASK_OVER)
            n_live += task->n_choice;
    for (struct task *task = scheduler->tasks; task; task = task->next) {
        if (task->state != TASK_WAITING)
            continue;
        if (n_live && n_live + task->n_choice > scheduler->limits.n_session)
            break;
        task_begin(&scheduler->room, task, draining);
        if (task->state != TASK_WAITING && task->state != TASK_OVER)
            n_live += task->n_choice;
    }
}

/* As much of prompts as takes some milliseconds. */
static void encode(struct scheduler *scheduler) {
    int n_piece = 4;
    for (struct task *task = scheduler->tasks; task && n_piece; task = task->next)
        if (task->state == TASK_ENCODING) {
            task_encode_some(&scheduler->room, task);
            n_piece--;
        }
}

/* ---- Stepping ---- */

static int by_method(const void *a, const void *b) {
    const struct choice *first = *(struct choice *const *)a, *second = *(struct choice *const *)b;
    return strcmp(first->task->completion->method->key, second->task->completion->method->key);
}

static size_t list_stepping(struct scheduler *scheduler) {
    size_t n = 0;
    for (struct task *task = scheduler->tasks; task; task = task->next)
        for (size_t i = 0; i < task->n_choice && task->state == TASK_ANSWERING; i++)
            if (!task->choices[i].done)
                scheduler->stepping[n++] = &task->choices[i];
    qsort(scheduler->stepping, n, sizeof *scheduler->stepping, by_method);
    return n;
}

/* A token of every answer. */
static bool step(struct scheduler *scheduler) {
    size_t n = list_stepping(scheduler), vocab_size = scheduler->served->info.vocab_size;
    struct api_error told;
    dm_error error;
    for (size_t i = 0; i < n; i++) {
        scheduler->sessions[i] = scheduler->stepping[i]->session;
        scheduler->next[i] = scheduler->stepping[i]->next;
    }
    if (n)
        metrics_count(scheduler->metrics, STEPS, 1);
    if (n && dm_step_many(scheduler->sessions, n, scheduler->next, scheduler->logits, &error)) {
        complain("%s", error.message);
        refuse_as(&told, 500, "the answer had to be broken off");
        for (size_t i = 0; i < n; i++)
            task_fail(scheduler->stepping[i]->task, &told);
        return true;
    }
    for (size_t i = 0; i < n; i++)
        if (scheduler->stepping[i]->task->state == TASK_ANSWERING)
            choice_draw(&scheduler->room, scheduler->stepping[i],
                        scheduler->logits + i * vocab_size);
    return n > 0;
}

/* Told of a long call's progress: other answers go on meanwhile. A server that stops need not end it. */
static int step_meanwhile(size_t n_done, size_t n_total, void *user) {
    struct scheduler *scheduler = user;
    (void)n_total;
    if (!n_done || scheduler->stepping_meanwhile)
        return 0;
    scheduler->stepping_meanwhile = true;
    step(scheduler);
    scheduler->stepping_meanwhile = false;
    return atomic_load(&scheduler->stopping);
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
static size_t list_reading(struct scheduler *scheduler) {
    size_t n = 0;
    for (struct task *task = scheduler->tasks; task; task = task->next)
        if (task->state == TASK_READING)
            scheduler->reading[n++] = task;
    qsort(scheduler->reading, n, sizeof *scheduler->reading, shortest_first);
    return n;
}

/* A piece of the shortest prompts, as many of its method as fit, as one packed batch; those that were
 * read are answered. */
static bool read_prompts(struct scheduler *scheduler) {
    size_t n_listed = list_reading(scheduler), n = 0, n_token = 0;
    struct api_error told;
    dm_error error;
    for (size_t i = 0; i < n_listed && n_token < scheduler->limits.piece; i++) {
        struct task *task = scheduler->reading[i];
        if (strcmp(task->completion->method->key, scheduler->reading[0]->completion->method->key) !=
            0)
            continue;
        size_t n_left = left_of(task), room = scheduler->limits.piece - n_token;
        scheduler->reading[n] = task;
        scheduler->sessions[n] = task->session;
        scheduler->ids[n] = task->ids + task->n_read;
        scheduler->n_id[n] = n_left < room ? n_left : room;
        n_token += scheduler->n_id[n++];
    }
    if (!n)
        return false;
    if (n_token &&
        dm_append_many(scheduler->sessions, n, scheduler->ids, scheduler->n_id, &error)) {
        complain("%s", error.message);
        refuse_as(&told, 500, "the prompt could not be read");
        for (size_t i = 0; i < n; i++)
            task_fail(scheduler->reading[i], &told);
        return true;
    }
    for (size_t i = 0; i < n; i++) {
        struct task *task = scheduler->reading[i];
        task->n_read += scheduler->n_id[i];
        if (left_of(task))
            continue;
        dm_set_progress(step_meanwhile, scheduler);
        task_begin_answer(&scheduler->room, task);
        dm_set_progress(NULL, NULL);
    }
    return true;
}

/* The document whose turn it is, or NULL. The first few take turns in the order they came: each has a
 * session of its own meanwhile, and the others none. */
static struct document *next_document(struct scheduler *scheduler) {
    enum { at_once = 4 };
    struct document *first = NULL, *found = NULL;
    size_t i = 0, n_first = 0, n_unread = 0;
    pthread_mutex_lock(&scheduler->documents->lock);
    for (struct document *at = scheduler->documents->first; at && !found; at = at->next, i++) {
        if (at->deleted || at->status == DOCUMENT_READY || at->status == DOCUMENT_FAILED)
            continue;
        if (n_unread++ == at_once)
            break;
        if (!first) {
            first = at;
            n_first = i;
        }
        if (i > scheduler->last_document)
            found = at;
    }
    scheduler->last_document = found ? i - 1 : n_first;
    pthread_mutex_unlock(&scheduler->documents->lock);
    return found ? found : first;
}

/* Where nobody is answered, a piece may be longer. */
static void read_document(struct scheduler *scheduler, struct document *document) {
    enum { longer = 4 };
    size_t n_token = scheduler->limits.piece * (scheduler->tasks ? 1 : longer);
    metrics_count(scheduler->metrics, DOCUMENT_TOKENS,
                  document_read_some(scheduler->documents, document, &scheduler->states, n_token));
}

static bool read_documents(struct scheduler *scheduler) {
    struct document *document = atomic_load(&scheduler->draining) ? NULL : next_document(scheduler);
    if (document)
        read_document(scheduler, document);
    return document != NULL;
}

/* Documents have every second turn where prompts are to be read as well. */
static bool read_some(struct scheduler *scheduler) {
    scheduler->document_turn = !scheduler->document_turn;
    if (scheduler->document_turn)
        return read_documents(scheduler) || read_prompts(scheduler);
    return read_prompts(scheduler) || read_documents(scheduler);
}

/* ---- Looking ---- */

static void drop_inspection(struct scheduler *scheduler) {
    struct inspection *over = scheduler->inspections;
    scheduler->inspections = over->next;
    inspection_free(over);
    atomic_fetch_sub(&scheduler->n_inspection, 1);
}

/* A piece of the newest. */
static bool inspect(struct scheduler *scheduler) {
    if (!scheduler->inspections)
        return false;
    dm_set_progress(step_meanwhile, scheduler);
    bool goes_on = inspection_go_on(scheduler->inspections, &scheduler->states);
    dm_set_progress(NULL, NULL);
    if (!goes_on)
        drop_inspection(scheduler);
    return true;
}

/* ---- A turn ---- */

static void tell_metrics(struct scheduler *scheduler) {
    size_t n_live = 0, n_waiting = 0;
    for (const struct task *task = scheduler->tasks; task; task = task->next)
        *(task->state == TASK_WAITING ? &n_waiting : &n_live) += task->n_choice;
    metrics_set(scheduler->metrics, ANSWERS, n_live);
    metrics_set(scheduler->metrics, QUEUED, n_waiting);
    metrics_set(scheduler->metrics, STATES, scheduler->states.n);
    metrics_set(scheduler->metrics, STATE_BYTES, scheduler->states.n_byte);
}

static void break_off_all(struct scheduler *scheduler) {
    struct api_error error;
    refuse_as(&error, 503, "the server has ended before the answer did");
    for (struct task *task = scheduler->tasks; task; task = task->next)
        if (task->state != TASK_OVER)
            task_fail(task, &error);
}

bool scheduler_turn(struct scheduler *scheduler) {
    drop_deleted(scheduler);
    if (atomic_load(&scheduler->breaking_off))
        break_off_all(scheduler);
    begin_tasks(scheduler);
    encode(scheduler);
    bool stepped = step(scheduler), read = read_some(scheduler), inspected = inspect(scheduler);
    bool encodes = false;
    sweep(scheduler);
    tell_metrics(scheduler);
    for (struct task *task = scheduler->tasks; task; task = task->next)
        encodes = encodes || task->state == TASK_ENCODING;
    return stepped || read || inspected || encodes;
}

/* ---- Opening and closing ---- */

static bool allocate(struct scheduler *scheduler) {
    size_t vocab_size = scheduler->served->info.vocab_size;
    size_t n = scheduler->limits.n_session + max_choice; /* a request may have more, alone */
    scheduler->logits = calloc(n * vocab_size, sizeof *scheduler->logits);
    scheduler->room.logits = calloc(vocab_size, sizeof *scheduler->logits);
    scheduler->stepping = calloc(n, sizeof *scheduler->stepping);
    scheduler->reading = calloc(n, sizeof *scheduler->reading);
    scheduler->sessions = calloc(n, sizeof *scheduler->sessions);
    scheduler->next = calloc(n, sizeof *scheduler->next);
    scheduler->ids = calloc(n, sizeof *scheduler->ids);
    scheduler->n_id = calloc(n, sizeof *scheduler->n_id);
    return (scheduler->logits && scheduler->room.logits && scheduler->stepping &&
            scheduler->reading && scheduler->sessions && scheduler->next && scheduler->ids &&
            scheduler->n_id) ||
           fail_memory();
}

bool scheduler_open(struct scheduler *scheduler, const struct served_model *served,
                    struct documents *documents, struct metrics *metrics,
                    const struct scheduler_limits *limits) {
    *scheduler = (struct scheduler){
        .served = served,
        .documents = documents,
        .metrics = metrics,
        .limits = *limits,
        .states = {.seed = documents->folder.seed, .max_byte = limits->state_byte}};
    scheduler->room = (struct task_room){.served = served,
                                         .documents = documents,
                                         .states = &scheduler->states,
                                         .metrics = metrics,
                                         .max_prompt_token = limits->prompt_token};
    if (!allocate(scheduler))
        return false;
    for (struct document *at = documents->first; at; at = at->next)
        document_find_state(documents, at, &scheduler->states);
    return true;
}

void scheduler_close(struct scheduler *scheduler) {
    for (struct task *task = scheduler->tasks; task; task = task->next)
        task_cancel(task);
    sweep(scheduler);
    while (scheduler->inspections)
        drop_inspection(scheduler);
    for (struct document *at = scheduler->documents->first; at; at = at->next)
        document_stop_reading(at);
    states_free(&scheduler->states);
    free(scheduler->logits);
    free(scheduler->room.logits);
    free(scheduler->stepping);
    free(scheduler->reading);
    free(scheduler->sessions);
    free(scheduler->next);
    free(scheduler->ids);
    free(scheduler->n_id);
}
