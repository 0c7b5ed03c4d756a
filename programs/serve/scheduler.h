/* A turn of the engine: a token for every answer, as one packed batch, and a bounded piece of what is to
 * be read. Of the engine's thread alone, but for what is atomic. */
#ifndef DECIMAMBA_SERVE_SCHEDULER_H
#define DECIMAMBA_SERVE_SCHEDULER_H

#include <stdatomic.h>

#include "engine_tasks.h"
#include "inspection.h"

struct scheduler_limits {
    size_t n_session;    /* choices that are answered at a time */
    size_t prompt_token; /* of a prompt, the document's aside */
    size_t piece;        /* tokens that are read between two steps */
    size_t state_byte;   /* of states in memory */
};

struct scheduler {
    const struct served_model *served;
    struct documents *documents;
    struct metrics *metrics;
    struct scheduler_limits limits;
    atomic_size_t n_choice;     /* that were taken and are not over */
    atomic_size_t n_inspection; /* the same */
    atomic_bool draining;       /* no more documents are read */
    atomic_bool breaking_off;   /* nor answers made: what is not over fails */
    atomic_bool stopping;       /* long calls are to end */

    struct task *tasks; /* in the order they came */
    struct inspection *inspections;
    struct states states;
    struct task_room room;
    bool stepping_meanwhile;  /* a step within another call */
    bool document_turn;       /* documents have waited for a turn */
    size_t last_document;     /* which had the last turn */
    float *logits;            /* [n_session, vocab_size] */
    struct choice **stepping; /* [n_session] */
    struct task **reading;    /* the same */
    dm_session **sessions;    /* the same, of a call: */
    int32_t *next;
    const int32_t **ids;
    size_t *n_id;
};

/* Faults print their line; to be closed either way. */
bool scheduler_open(struct scheduler *scheduler, const struct served_model *served,
                    struct documents *documents, struct metrics *metrics,
                    const struct scheduler_limits *limits);
/* Breaks off what is under way. */
void scheduler_close(struct scheduler *scheduler);
/* false: there was nothing to do, nor will be before something comes. */
bool scheduler_turn(struct scheduler *scheduler);

#endif
