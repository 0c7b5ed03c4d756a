/* A request that is being answered: prompts, each with choices, and the reply that tells of them.
 * Made by HTTP's threads, then the engine's alone. */
#ifndef DECIMAMBA_SERVE_COMPLETION_H
#define DECIMAMBA_SERVE_COMPLETION_H

#include "cli/generation.h"
#include "completion_request.h"
#include "documents.h"

/* One answer to one prompt. */
struct choice {
    struct task *task;
    size_t index; /* of all choices of the request */
    dm_session *session;
    struct generation generation;
    int32_t next; /* drawn, and to be read */
    bool opened, done;
    double told_at; /* when its last token came, by seconds_now; 0: none has */
    char *text;     /* [n_byte] so far, where the reply does not stream */
    size_t n_byte, capacity;
    json_t *logprobs;   /* the same */
    size_t text_offset; /* of the next token, in characters: for logprobs */
};

enum task_state { TASK_WAITING, TASK_ENCODING, TASK_READING, TASK_ANSWERING, TASK_OVER };

/* One prompt. */
struct task {
    struct task *next; /* in the engine's list */
    struct completion *completion;
    enum task_state state;
    const char *text; /* [n_byte] to be encoded; NULL: ids are there */
    size_t n_byte, n_encoded;
    dm_encoder *encoder;
    int32_t *ids; /* [n_id] to be read, behind the document where there is one */
    size_t n_id, capacity, n_read;
    size_t n_cached;        /* of the prompt, a document's among them, that were read before */
    dm_session *session;    /* that reads it */
    struct choice *choices; /* [n_choice] */
    size_t n_choice, n_done;
};

struct completion {
    struct completion_request request;
    struct request_method *own_method; /* or NULL */
    const struct request_method *method;
    const struct served_model *served;
    struct documents *documents;
    struct document *document; /* or NULL */
    char *chat_text;           /* messages by the template, or NULL */
    struct reply *reply;
    char id[48];
    long created;
    double arrived_at;              /* by seconds_now */
    struct task *tasks;             /* [n_task] */
    size_t n_task, n_over, n_swept; /* tasks; that are over; that the engine has let go */
    size_t n_prompt_token, n_cached, n_generated; /* for "usage" */
    bool failed, begun;                           /* begun: the head of a stream is out */
};

/* Takes the request, whatever it returns. */
bool completion_new(struct completion **completion, struct completion_request *request,
                    const struct served_model *served, struct documents *documents,
                    struct reply *reply, struct api_error *error);
void completion_free(struct completion *completion);

/* Makes the choice ready to draw. false: a fault, whose line is printed. */
bool choice_open(struct choice *choice);

/* Ends it with an error: an event where it streams. */
void completion_fail(struct completion *completion, const struct api_error *error);

/* ---- completion_answer.c: what is told ---- */

/* Before a task's first token. */
void completion_begin(struct completion *completion);
void completion_begin_choice(struct choice *choice);
/* As generation's `show`, of a choice. */
bool completion_show(const struct shown_token *token, void *choice);
void completion_end_choice(struct choice *choice);
/* All choices are done. */
void completion_end(struct completion *completion);

#endif
