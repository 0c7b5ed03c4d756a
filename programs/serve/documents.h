/* The documents that are served: what is known of each, for HTTP's threads and the engine's. */
#ifndef DECIMAMBA_SERVE_DOCUMENTS_H
#define DECIMAMBA_SERVE_DOCUMENTS_H

#include "document_files.h"
#include "served_model.h"

enum document_status {
    DOCUMENT_QUEUED,
    DOCUMENT_READING,
    DOCUMENT_READY,
    DOCUMENT_FAILED,
    N_DOCUMENT_STATUS
};
extern const char *const document_status_names[N_DOCUMENT_STATUS];

struct document {
    struct document *next;
    /* what never changes */
    char id[document_id_size];
    char *name; /* of its maker's, or NULL */
    long created;
    size_t n_byte;
    struct request_method *method;
    bool restored; /* was there when the server started */

    /* under the lock of documents */
    enum document_status status;
    bool deleted;
    size_t n_user; /* answers that go on from it, and their queue */
    size_t n_byte_read, n_token;
    double seconds; /* that reading took so far */
    char fault[200];
    struct watcher *watchers;

    /* of the engine's thread alone */
    struct state *state; /* NULL: it has not been read */
    struct document_reading *reading;
    double told_at;
};

struct documents {
    pthread_mutex_t lock;
    struct document *first; /* in the order they came, */
    struct document **last; /* where the next is linked */
    size_t n, max;
    const struct served_model *served;
    struct document_folder folder;
    void (*changed)(void *user); /* wakes the engine */
    void *user;
};

/* Opens the folder, with what is in it. Faults print their line. */
bool documents_open(struct documents *documents, const char *folder, size_t max,
                    const struct served_model *served);
void documents_close(struct documents *documents);

/* Writes a text and its settings: what is added is on disk. `method` is the document's then; NULL: the
 * server's. */
bool documents_add(struct documents *documents, const char *name, struct request_method *method,
                   const char *text, size_t n_byte, json_t **object, struct api_error *error);
bool documents_remove(struct documents *documents, const char *id, struct api_error *error);
json_t *documents_json(struct documents *documents, const char *id, struct api_error *error);
json_t *documents_list_json(struct documents *documents);
/* Sends an event of it now and each time something is new, until it has been read. */
bool documents_watch(struct documents *documents, const char *id, struct reply *reply,
                     struct api_error *error);

/* The document for an answer; it stays until it is given back, deleted or not. */
struct document *documents_take(struct documents *documents, const char *id,
                                struct api_error *error);
void documents_give_back(struct documents *documents, struct document *document);

/* ---- Of the engine's thread ---- */

/* Notes how far reading is, and tells who watches. */
void documents_note(struct documents *documents, struct document *document,
                    enum document_status status, size_t n_byte_read, size_t n_token, double seconds,
                    const char *fault);
/* How many there are of each status. */
void documents_count(struct documents *documents, size_t n_status[N_DOCUMENT_STATUS]);
/* One behind `after` (NULL: the first) that has been read, with as many bytes and the same method; NULL:
 * there is none. */
struct document *documents_next_alike(struct documents *documents, const struct document *document,
                                      const struct document *after);
/* Takes a deleted document that nobody uses out of the list; NULL: there is none. */
struct document *documents_take_deleted(struct documents *documents);
void document_free(struct document *document);

#endif
