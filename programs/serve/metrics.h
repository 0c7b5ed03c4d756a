/* What the server counts, for Prometheus. Any thread may call. */
#ifndef DECIMAMBA_SERVE_METRICS_H
#define DECIMAMBA_SERVE_METRICS_H

#include <pthread.h>
#include <stddef.h>

#include "documents.h"

enum metric {
    PROMPT_TOKENS,   /* read, of prompts */
    CACHED_TOKENS,   /* of prompts, that were not read again */
    DOCUMENT_TOKENS, /* read, of documents */
    GENERATED_TOKENS,
    STEPS, /* packed batches of a token for each answer */
    N_COUNTER,
    ANSWERS = N_COUNTER, /* that are generated now; from here on, what goes up and down */
    QUEUED,
    STATES,      /* kept */
    STATE_BYTES, /* in memory */
    N_METRIC
};

enum timing {
    FIRST_TOKEN,    /* from a request's end to its first token */
    BETWEEN_TOKENS, /* of an answer */
    WHOLE_ANSWER,   /* from a request's end to its answer's */
    N_TIMING
};

enum { n_bucket = 14, max_request_kind = 64 };

struct metrics {
    pthread_mutex_t lock;
    double values[N_METRIC];
    struct timed {
        size_t buckets[n_bucket + 1];
        double sum;
    } timings[N_TIMING];
    struct answered {
        const char *verb, *path; /* of a route; NULL: of none */
        int status;
        size_t n;
    } answered[max_request_kind];
    size_t n_answered;
};

void metrics_open(struct metrics *metrics);
void metrics_close(struct metrics *metrics);
void metrics_count(struct metrics *metrics, enum metric metric, size_t n);
void metrics_set(struct metrics *metrics, enum metric metric, size_t value);
void metrics_time(struct metrics *metrics, enum timing timing, double seconds);
/* A request was answered; verb and path are static. */
void metrics_answer(struct metrics *metrics, const char *verb, const char *path, int status);

/* The text, which ends with NUL, of malloc; `n_status` are the documents by their status. NULL: memory
 * is short. */
char *metrics_text(struct metrics *metrics, const size_t n_status[N_DOCUMENT_STATUS]);

#endif
