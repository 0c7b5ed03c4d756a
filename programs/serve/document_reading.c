#include "document_reading.h"

#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "cli/fail.h"
#include "cli/progress.h"
#include "document_ids.h"
#include "document_state.h"
#include "score_strip.h"

/* One that is half-read. */
struct document_reading {
    struct document_ids text;
    dm_session *session;
    dm_sampler *sampler; /* told of its ids: for the repetition penalty of answers */
    XXH3_state_t *hash;
    struct score_strip strip;
    bool has_strip;
    const int32_t *ids; /* [n_id] of the text's, of which n_taken were read */
    size_t n_id, n_taken;
    size_t n_byte, n_token; /* so far */
    size_t n_piece;         /* bytes that the ids are of, more or less */
    bool encoded;           /* there is no more text */
    double seconds;
    double saved_at; /* of `seconds`: when what is half-read was saved */
    size_t
        n_skip; /* tokens that were read before: until the server ended, or of another document */
};

void document_stop_reading(struct document *document) {
    struct document_reading *reading = document->reading;
    if (!reading)
        return;
    document_ids_close(&reading->text);
    dm_session_free(reading->session);
    dm_sampler_free(reading->sampler);
    XXH3_freeState(reading->hash);
    free(reading);
    document->reading = NULL;
}

/* ---- Beginning ---- */

/* The state of another document with the very same text; none: mark->n_token is 0. false: memory is short. */
static bool copy_equal(struct documents *documents, const struct document *document,
                       struct states *states, struct document_mark *mark) {
    const struct document *other = NULL;
    while (!mark->n_token && (other = documents_next_alike(documents, document, other)))
        if (document_texts_equal(&documents->folder, document->id, other->id) &&
            !document_copy_state(documents, other, states, mark))
            return false;
    return true;
}

/* What was read of it before. */
static bool find_read(struct documents *documents, struct document *document, struct states *states,
                      dm_error *error) {
    struct document_reading *reading = document->reading;
    struct document_mark mark = {.session = reading->session, .sampler = reading->sampler};
    document_resume(documents, document, &mark);
    if (!mark.n_token && !copy_equal(documents, document, states, &mark))
        return !dm_fail(error, DM_ERROR_MEMORY, "memory is short");
    reading->n_skip = mark.n_token;
    reading->seconds = reading->saved_at = mark.seconds;
    if (reading->has_strip && mark.n_token)
        score_strip_restore(&reading->strip, mark.scores, mark.n_token);
    json_decref(mark.scores);
    return true;
}

static bool open_reading(struct documents *documents, struct document *document,
                         struct states *states, dm_error *error) {
    const struct served_model *served = documents->served;
    const dm_sampler_options options = DM_SAMPLER_OPTIONS_INIT;
    struct document_reading *reading = document->reading = calloc(1, sizeof *reading);
    if (!reading || !(reading->hash = ids_hash_new(states)))
        return !dm_fail(error, DM_ERROR_MEMORY, "memory is short");
    reading->ids = served->before;
    reading->n_id = served->n_before;
    if (!document_ids_open(&reading->text, documents, document, error) ||
        dm_session_new(served->model, &document->method->options, &reading->session, error) ||
        dm_sampler_new(served->info.vocab_size, &options, &reading->sampler, error))
        return false;
    reading->has_strip =
        score_strip_begin(&reading->strip, served->model, &document->method->options);
    if (reading->has_strip)
        dm_session_set_probe(reading->session, score_strip_see, &reading->strip);
    return find_read(documents, document, states, error);
}

/* ---- Going on ---- */

/* Makes ids of more text, until there are some or it ends. */
static bool encode_some(struct document_reading *reading, dm_error *error) {
    while (reading->n_taken == reading->n_id && !reading->encoded) {
        size_t n;
        if (!document_ids_next(&reading->text, &reading->ids, &reading->n_id, &n, error))
            return false;
        reading->n_byte += n;
        reading->n_piece = n;
        reading->n_taken = 0;
        reading->encoded = n == 0;
    }
    return true;
}

/* Reads as many of the ids that are there, at most n; those that were read before are passed over. */
static bool append_some(struct document_reading *reading, size_t n, dm_error *error) {
    const int32_t *ids = reading->ids + reading->n_taken;
    size_t n_left = reading->n_id - reading->n_taken;
    bool skips = reading->n_token < reading->n_skip;
    if (skips)
        n = reading->n_skip - reading->n_token;
    n = n < n_left ? n : n_left;
    if (!skips && (dm_session_append(reading->session, ids, n, error) ||
                   dm_sampler_accept(reading->sampler, ids, n, error)))
        return false;
    ids_hash_add(reading->hash, ids, n);
    reading->n_taken += n;
    reading->n_token += n;
    return true;
}

/* Of the text: of the piece that was encoded last, as much as of its ids. */
static size_t bytes_read(const struct document_reading *reading) {
    size_t n_unread = reading->n_id - reading->n_taken;
    return reading->n_id ? reading->n_byte - reading->n_piece * n_unread / reading->n_id
                         : reading->n_byte;
}

static bool save(const struct documents *documents, const struct document *document, bool partial) {
    const struct document_reading *reading = document->reading;
    json_t *scores = reading->has_strip ? score_strip_json(&reading->strip) : NULL;
    const struct document_mark mark = {.session = reading->session,
                                       .sampler = reading->sampler,
                                       .n_token = reading->n_token,
                                       .hash = XXH3_128bits_digest(reading->hash),
                                       .seconds = reading->seconds,
                                       .scores = scores,
                                       .partial = partial};
    bool saved = document_save_state(documents, document, &mark);
    json_decref(scores);
    return saved;
}

static bool is_deleted(struct documents *documents, struct document *document) {
    pthread_mutex_lock(&documents->lock);
    bool deleted = document->deleted;
    pthread_mutex_unlock(&documents->lock);
    return deleted;
}

static void note_fault(struct documents *documents, struct document *document,
                       const dm_error *error) {
    const struct document_reading *reading = document->reading;
    complain("%s: %s", document->id, error->message);
    documents_note(documents, document, DOCUMENT_FAILED, reading ? reading->n_byte : 0,
                   reading ? reading->n_token : 0, reading ? reading->seconds : 0, error->message);
    document_stop_reading(document);
}

static void finish(struct documents *documents, struct document *document, struct states *states) {
    struct document_reading *reading = document->reading;
    dm_error error;
    if (!reading->n_token) {
        snprintf(error.message, sizeof error.message, "it is empty");
        note_fault(documents, document, &error);
        return;
    }
    if (!save(documents, document, false)) {
        snprintf(error.message, sizeof error.message, "what was read of it could not be written");
        note_fault(documents, document, &error);
        return;
    }
    dm_session_set_probe(reading->session, NULL, NULL);
    document->state = states_add(states, document->method->key, XXH3_128bits_digest(reading->hash),
                                 reading->n_token, reading->session, reading->sampler, document);
    reading->session = NULL;
    reading->sampler = NULL;
    documents_note(documents, document, document->state ? DOCUMENT_READY : DOCUMENT_FAILED,
                   reading->n_byte, reading->n_token, reading->seconds,
                   document->state ? "" : "memory is short");
    document_stop_reading(document);
}

/* Every now and then: keeps what is half-read, and tells of it. */
static void take_note(struct documents *documents, struct document *document) {
    const double between_notes = 0.2, between_saves = 2;
    struct document_reading *reading = document->reading;
    if (reading->seconds - reading->saved_at > between_saves) {
        save(documents, document, true);
        reading->saved_at = reading->seconds;
    }
    if (seconds_now() - document->told_at > between_notes) {
        document->told_at = seconds_now();
        documents_note(documents, document, DOCUMENT_READING, bytes_read(reading), reading->n_token,
                       reading->seconds, "");
    }
}

size_t document_read_some(struct documents *documents, struct document *document,
                          struct states *states, size_t n_token) {
    double started = seconds_now();
    dm_error error = {DM_OK, ""};
    if (is_deleted(documents, document)) {
        document_stop_reading(document);
        return 0;
    }
    if ((!document->reading && !open_reading(documents, document, states, &error)) ||
        !encode_some(document->reading, &error)) {
        note_fault(documents, document, &error);
        return 0;
    }
    struct document_reading *reading = document->reading;
    bool skips = reading->n_token < reading->n_skip;
    size_t n_before = reading->n_token;
    if (!append_some(reading, n_token, &error)) {
        note_fault(documents, document, &error);
        return 0;
    }
    size_t n_read = skips ? 0 : reading->n_token - n_before;
    reading->seconds += skips ? 0 : seconds_now() - started;
    if (reading->encoded && reading->n_taken == reading->n_id)
        finish(documents, document, states);
    else if (reading->n_token >= reading->n_skip)
        take_note(documents, document);
    return n_read;
}
