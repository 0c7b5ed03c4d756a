#include "documents.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "cli/fail.h"
#include "cli/json_output.h"
#include "random_id.h"

/* A stream of events. */
struct watcher {
    struct watcher *next;
    struct reply *reply;
};

/* ---- What is told of one ---- */

const char *const document_status_names[N_DOCUMENT_STATUS] = {"queued", "reading", "ready",
                                                              "failed"};

/* Under the lock. */
static json_t *document_json(const struct document *document) {
    double left = document->status == DOCUMENT_READING && document->n_byte_read
                      ? document->seconds * (double)(document->n_byte - document->n_byte_read) /
                            (double)document->n_byte_read
                      : -1;
    return json_pack(
        "{ss ss so sI so ss so so so so so sO so}", "id", document->id, "object", "document",
        "name", document->name ? json_string(document->name) : json_null(), "created",
        (json_int_t)document->created, "bytes", json_size(document->n_byte), "status",
        document_status_names[document->status], "bytes_read", json_size(document->n_byte_read),
        "tokens", json_size(document->n_token), "seconds", json_real(document->seconds),
        "tokens_per_second",
        document->seconds > 0 ? json_real((double)document->n_token / document->seconds)
                              : json_null(),
        "seconds_left", left >= 0 ? json_real(left) : json_null(), "method", document->method->json,
        "error", *document->fault ? json_string(document->fault) : json_null());
}

static bool is_settled(const struct document *document) {
    return document->status == DOCUMENT_READY || document->status == DOCUMENT_FAILED ||
           document->deleted;
}

/* Under the lock: an event for each watcher, of which those stay that wait for more. */
static void tell(struct document *document) {
    struct watcher **link = &document->watchers, *watcher;
    while ((watcher = *link)) {
        bool over = is_settled(document);
        reply_event(watcher->reply, document_json(document));
        if (!over && !reply_is_gone(watcher->reply)) {
            link = &watcher->next;
            continue;
        }
        *link = watcher->next;
        reply_finish(watcher->reply);
        reply_release(watcher->reply);
        free(watcher);
    }
}

/* ---- The list ---- */

void document_free(struct document *document) {
    if (!document)
        return;
    tell(document);
    request_method_free(document->method);
    free(document->name);
    free(document);
}

/* Under the lock. */
static void append(struct documents *documents, struct document *document) {
    *documents->last = document;
    documents->last = &document->next;
    documents->n++;
}

/* Under the lock; what is deleted is not found. */
static struct document *find(struct documents *documents, const char *id, struct api_error *error) {
    for (struct document *at = documents->first; at; at = at->next)
        if (!at->deleted && !strcmp(at->id, id))
            return at;
    refuse_as(error, 404, "there is no document '%.60s'", id);
    return NULL;
}

static struct document *document_new(const char *id, const char *name, size_t n_byte, long created,
                                     struct request_method *method) {
    struct document *document = calloc(1, sizeof *document);
    if (!document)
        return NULL;
    snprintf(document->id, sizeof document->id, "%s", id);
    document->name = name ? strdup(name) : NULL;
    document->n_byte = n_byte;
    document->created = created;
    document->method = method;
    return document;
}

/* One that was there already. A document that cannot be served stays where it is: a line says why. */
static bool restore(const char *id, void *user) {
    struct documents *documents = user;
    struct request_method *method = NULL;
    struct document *document = NULL;
    struct api_error error;
    json_t *header;
    size_t n_byte;
    FILE *file = document_text_open(&documents->folder, id, &header, &n_byte);
    if (!file)
        return true;
    fclose(file);
    if (!request_method_read(&method, json_object_get(header, "method"), documents->served->model,
                             &error))
        complain("%s of %s: not served: %s", id, documents->folder.path, error.message);
    else
        document =
            document_new(id, json_string_value(json_object_get(header, "name")), n_byte,
                         (long)json_integer_value(json_object_get(header, "created")), method);
    json_decref(header);
    if (!document) {
        request_method_free(method);
        return !method || fail_memory();
    }
    document->restored = true;
    append(documents, document);
    return true;
}

bool documents_open(struct documents *documents, const char *folder, size_t max,
                    const struct served_model *served) {
    *documents = (struct documents){.max = max, .served = served};
    documents->last = &documents->first;
    pthread_mutex_init(&documents->lock, NULL);
    return document_folder_open(&documents->folder, folder) &&
           document_list(&documents->folder, restore, documents);
}

void documents_close(struct documents *documents) {
    if (!documents->served)
        return; /* never opened */
    while (documents->first) {
        struct document *document = documents->first;
        documents->first = document->next;
        document->deleted = true; /* ends its events */
        document_free(document);
    }
    document_folder_close(&documents->folder);
    pthread_mutex_destroy(&documents->lock);
}

/* ---- Of HTTP's threads ---- */

static json_t *make_header(const struct document *document) {
    return json_pack("{si so sI sO}", "version", 1, "name",
                     document->name ? json_string(document->name) : json_null(), "created",
                     (json_int_t)document->created, "method", document->method->json);
}

bool documents_add(struct documents *documents, const char *name, struct request_method *method,
                   const char *text, size_t n_byte, json_t **object, struct api_error *error) {
    char id[document_id_size];
    pthread_mutex_lock(&documents->lock);
    bool full = documents->n >= documents->max;
    pthread_mutex_unlock(&documents->lock);
    if (full) {
        request_method_free(method);
        return refuse_as(error, 507, "there are %zu documents already, as many as are kept here",
                         documents->max);
    }
    struct document *document = random_id("doc-", id, sizeof id)
                                    ? document_new(id, name, n_byte, time(NULL), method)
                                    : NULL;
    if (!document) {
        request_method_free(method);
        return refuse_memory(error);
    }
    json_t *header = make_header(document);
    bool written = header && document_write(&documents->folder, id, header, text, n_byte);
    json_decref(header);
    if (!written) {
        document_free(document);
        return refuse_as(error, 500, "the document could not be written");
    }
    pthread_mutex_lock(&documents->lock);
    append(documents, document);
    *object = document_json(document);
    pthread_mutex_unlock(&documents->lock);
    documents->changed(documents->user);
    return *object || refuse_memory(error);
}

bool documents_remove(struct documents *documents, const char *id, struct api_error *error) {
    pthread_mutex_lock(&documents->lock);
    struct document *document = find(documents, id, error);
    char own[document_id_size];
    if (document) {
        document->deleted = true;
        snprintf(own, sizeof own, "%s", document->id);
    }
    pthread_mutex_unlock(&documents->lock);
    if (!document)
        return false;
    bool removed = document_remove(&documents->folder, own);
    documents->changed(documents->user);
    return removed || refuse_as(error, 500, "the document could not be removed from the disk");
}

json_t *documents_json(struct documents *documents, const char *id, struct api_error *error) {
    pthread_mutex_lock(&documents->lock);
    const struct document *document = find(documents, id, error);
    json_t *object = document ? document_json(document) : NULL;
    pthread_mutex_unlock(&documents->lock);
    if (document && !object)
        refuse_memory(error);
    return object;
}

json_t *documents_list_json(struct documents *documents) {
    json_t *list = json_array();
    pthread_mutex_lock(&documents->lock);
    for (const struct document *at = documents->first; at; at = at->next)
        if (!at->deleted)
            json_array_append_new(list, document_json(at));
    pthread_mutex_unlock(&documents->lock);
    return json_pack("{ss so}", "object", "list", "data", list);
}

bool documents_watch(struct documents *documents, const char *id, struct reply *reply,
                     struct api_error *error) {
    struct watcher *watcher = calloc(1, sizeof *watcher);
    if (!watcher)
        return refuse_memory(error);
    pthread_mutex_lock(&documents->lock);
    struct document *document = find(documents, id, error);
    if (document) {
        *watcher = (struct watcher){document->watchers, reply_share(reply)};
        document->watchers = watcher;
        reply_stream(reply, CONTENT_EVENTS);
        tell(document); /* the others hear of it as well, which does no harm */
    }
    pthread_mutex_unlock(&documents->lock);
    if (!document)
        free(watcher);
    return document != NULL;
}

struct document *documents_take(struct documents *documents, const char *id,
                                struct api_error *error) {
    pthread_mutex_lock(&documents->lock);
    struct document *document = find(documents, id, error);
    if (document)
        document->n_user++;
    pthread_mutex_unlock(&documents->lock);
    return document;
}

void documents_give_back(struct documents *documents, struct document *document) {
    if (!document)
        return;
    pthread_mutex_lock(&documents->lock);
    document->n_user--;
    pthread_mutex_unlock(&documents->lock);
}

/* ---- Of the engine's thread ---- */

void documents_note(struct documents *documents, struct document *document,
                    enum document_status status, size_t n_byte_read, size_t n_token, double seconds,
                    const char *fault) {
    pthread_mutex_lock(&documents->lock);
    document->status = status;
    document->n_byte_read = n_byte_read;
    document->n_token = n_token;
    document->seconds = seconds;
    snprintf(document->fault, sizeof document->fault, "%s", fault);
    tell(document);
    pthread_mutex_unlock(&documents->lock);
}

void documents_count(struct documents *documents, size_t n_status[N_DOCUMENT_STATUS]) {
    memset(n_status, 0, N_DOCUMENT_STATUS * sizeof *n_status);
    pthread_mutex_lock(&documents->lock);
    for (const struct document *at = documents->first; at; at = at->next)
        n_status[at->status] += !at->deleted;
    pthread_mutex_unlock(&documents->lock);
}

struct document *documents_next_alike(struct documents *documents, const struct document *document,
                                      const struct document *after) {
    pthread_mutex_lock(&documents->lock);
    struct document *at = after ? after->next : documents->first;
    while (at && (at == document || at->deleted || !at->state || at->n_byte != document->n_byte ||
                  strcmp(at->method->key, document->method->key) != 0))
        at = at->next;
    pthread_mutex_unlock(&documents->lock);
    return at;
}

struct document *documents_take_deleted(struct documents *documents) {
    pthread_mutex_lock(&documents->lock);
    struct document **link = &documents->first;
    while (*link && !((*link)->deleted && !(*link)->n_user))
        link = &(*link)->next;
    struct document *found = *link;
    if (found) {
        *link = found->next;
        if (!found->next)
            documents->last = link;
        documents->n--;
    }
    pthread_mutex_unlock(&documents->lock);
    return found;
}
