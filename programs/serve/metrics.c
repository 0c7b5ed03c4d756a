#include "metrics.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"

static const struct {
    const char *name, *help;
} metric_rows[N_METRIC] = {
    [PROMPT_TOKENS] = {"prompt_tokens_total", "Tokens of prompts that were read."},
    [CACHED_TOKENS] = {"cached_tokens_total", "Tokens of prompts that were not read again."},
    [DOCUMENT_TOKENS] = {"document_tokens_total", "Tokens of documents that were read."},
    [GENERATED_TOKENS] = {"generated_tokens_total", "Tokens that were generated."},
    [STEPS] = {"steps_total", "Packed batches of one token for each answer."},
    [ANSWERS] = {"answers", "Answers that are read for or generated."},
    [QUEUED] = {"queued", "Answers that wait."},
    [STATES] = {"states", "States that prompts can go on from."},
    [STATE_BYTES] = {"state_bytes", "Bytes of memory that these states take."},
};

static const struct {
    const char *name, *help;
} timing_rows[N_TIMING] = {
    [FIRST_TOKEN] = {"first_token_seconds", "From a request to its first token."},
    [BETWEEN_TOKENS] = {"between_tokens_seconds", "Between two tokens of an answer."},
    [WHOLE_ANSWER] = {"answer_seconds", "From a request to the end of its answer."},
};

static const double bounds[n_bucket] = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                        0.25,  0.5,    1,     2.5,  5,     15,   60};

void metrics_open(struct metrics *metrics) {
    *metrics = (struct metrics){.values = {0}};
    pthread_mutex_init(&metrics->lock, NULL);
}

void metrics_close(struct metrics *metrics) {
    pthread_mutex_destroy(&metrics->lock);
}

void metrics_count(struct metrics *metrics, enum metric metric, size_t n) {
    pthread_mutex_lock(&metrics->lock);
    metrics->values[metric] += (double)n;
    pthread_mutex_unlock(&metrics->lock);
}

void metrics_set(struct metrics *metrics, enum metric metric, size_t value) {
    pthread_mutex_lock(&metrics->lock);
    metrics->values[metric] = (double)value;
    pthread_mutex_unlock(&metrics->lock);
}

void metrics_time(struct metrics *metrics, enum timing timing, double seconds) {
    size_t bucket = 0;
    while (bucket < n_bucket && seconds > bounds[bucket])
        bucket++;
    pthread_mutex_lock(&metrics->lock);
    metrics->timings[timing].buckets[bucket]++;
    metrics->timings[timing].sum += seconds;
    pthread_mutex_unlock(&metrics->lock);
}

void metrics_answer(struct metrics *metrics, const char *verb, const char *path, int status) {
    size_t i = 0;
    pthread_mutex_lock(&metrics->lock);
    while (i < metrics->n_answered &&
           (metrics->answered[i].path != path || metrics->answered[i].verb != verb ||
            metrics->answered[i].status != status))
        i++;
    if (i == metrics->n_answered && i < max_request_kind)
        metrics->answered[metrics->n_answered++] = (struct answered){verb, path, status, 0};
    if (i < max_request_kind)
        metrics->answered[i].n++;
    pthread_mutex_unlock(&metrics->lock);
}

/* ---- The text ---- */

struct page {
    char *text;
    size_t n, capacity;
    int failed;
};

static void add(struct page *page, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(struct page *page, const char *format, ...) {
    enum { longest = 512 };
    va_list arguments;
    char *room = dm_grow(page->text, page->n, longest, &page->capacity, 1);
    if (!room) {
        page->failed = 1;
        return;
    }
    page->text = room;
    va_start(arguments, format);
    page->n += (size_t)vsnprintf(page->text + page->n, longest, format, arguments);
    va_end(arguments);
}

static void add_head(struct page *page, const char *name, const char *help, const char *type) {
    add(page, "# HELP decimamba_%s %s\n# TYPE decimamba_%s %s\n", name, help, name, type);
}

static void add_timing(struct page *page, const struct timed *timed, enum timing timing) {
    const char *name = timing_rows[timing].name;
    size_t n = 0;
    add_head(page, name, timing_rows[timing].help, "histogram");
    for (size_t i = 0; i <= n_bucket; i++) {
        char bound[32] = "+Inf";
        n += timed->buckets[i];
        if (i < n_bucket)
            snprintf(bound, sizeof bound, "%g", bounds[i]);
        add(page, "decimamba_%s_bucket{le=\"%s\"} %zu\n", name, bound, n);
    }
    add(page, "decimamba_%s_sum %.9g\ndecimamba_%s_count %zu\n", name, timed->sum, name, n);
}

char *metrics_text(struct metrics *metrics, const size_t n_status[N_DOCUMENT_STATUS]) {
    struct page page = {.text = NULL};
    pthread_mutex_lock(&metrics->lock);
    add_head(&page, "requests_total", "Requests that were answered.", "counter");
    for (size_t i = 0; i < metrics->n_answered; i++) {
        const struct answered *row = &metrics->answered[i];
        add(&page, "decimamba_requests_total{method=\"%s\",path=\"%s\",status=\"%d\"} %zu\n",
            row->verb ? row->verb : "", row->path ? row->path : "", row->status, row->n);
    }
    for (size_t i = 0; i < N_METRIC; i++) {
        add_head(&page, metric_rows[i].name, metric_rows[i].help,
                 i < N_COUNTER ? "counter" : "gauge");
        add(&page, "decimamba_%s %.17g\n", metric_rows[i].name, metrics->values[i]);
    }
    add_head(&page, "documents", "Documents by their status.", "gauge");
    for (size_t i = 0; i < N_DOCUMENT_STATUS; i++)
        add(&page, "decimamba_documents{status=\"%s\"} %zu\n", document_status_names[i],
            n_status[i]);
    for (size_t i = 0; i < N_TIMING; i++)
        add_timing(&page, &metrics->timings[i], (enum timing)i);
    pthread_mutex_unlock(&metrics->lock);
    if (page.failed) {
        free(page.text);
        return NULL;
    }
    return page.text;
}
