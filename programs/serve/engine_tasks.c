#include "engine_tasks.h"

#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "cli/fail.h"
#include "cli/progress.h"
#include "document_state.h"

enum { piece_size = 16 << 10 };

/* ---- Ends ---- */

static void release_sessions(struct task *task) {
    dm_session_free(task->session);
    task->session = NULL;
    for (size_t i = 0; i < task->n_choice; i++) {
        dm_session_free(task->choices[i].session);
        task->choices[i].session = NULL;
    }
}

static void end_task(struct task *task) {
    struct completion *completion = task->completion;
    if (task->state == TASK_OVER)
        return;
    task->state = TASK_OVER;
    release_sessions(task);
    completion->n_over++;
    if (completion->n_over == completion->n_task && !completion->failed)
        completion_end(completion);
}

void task_cancel(struct task *task) {
    task->completion->failed = true;
    end_task(task);
}

void task_fail(struct task *task, const struct api_error *error) {
    completion_fail(task->completion, error);
    end_task(task);
}

/* A fault of the server's own: its line is for who runs it. */
static void break_off(struct task *task, const dm_error *cause) {
    struct api_error error;
    if (cause)
        complain("%s: %s", task->completion->id, cause->message);
    refuse_as(&error, 500, "the answer had to be broken off");
    task_fail(task, &error);
}

/* ---- Beginning ---- */

static enum document_status status_of(const struct task_room *room, const struct document *document,
                                      struct api_error *error) {
    pthread_mutex_lock(&room->documents->lock);
    enum document_status status = document->status;
    if (document->deleted)
        refuse_as(error, 404, "the document was removed");
    else if (status == DOCUMENT_FAILED)
        refuse_as(error, 409, "the document could not be read: %s", document->fault);
    pthread_mutex_unlock(&room->documents->lock);
    return status;
}

/* Whether the task's document can be gone on from; one that is still being read is waited for. */
static bool document_ready(const struct task_room *room, struct task *task, bool draining) {
    struct document *document = task->completion->document;
    struct api_error error = {0};
    enum document_status status = status_of(room, document, &error);
    if (!error.status && status != DOCUMENT_READY && draining)
        refuse_as(&error, 503, "the server is about to end");
    if (error.status)
        task_fail(task, &error);
    return !error.status && status == DOCUMENT_READY && document->state &&
           document_wake_state(room->documents, document->state, room->states);
}

void task_begin(const struct task_room *room, struct task *task, bool draining) {
    const struct completion *completion = task->completion;
    dm_error error;
    if (completion->document && !document_ready(room, task, draining))
        return;
    task->state = TASK_ENCODING;
    dm_status status = DM_OK;
    if (completion->document)
        status = dm_session_fork(completion->document->state->session, &task->session, &error);
    if (!status && task->text)
        status = dm_encoder_new(room->served->tokenizer, &task->encoder, &error);
    if (status)
        break_off(task, &error);
}

/* ---- Encoding ---- */

static bool add_ids(struct task *task, const int32_t *ids, size_t n) {
    int32_t *larger = dm_grow(task->ids, task->n_id, n, &task->capacity, sizeof *ids);
    if (!larger)
        return fail_memory();
    task->ids = larger;
    if (n)
        memcpy(task->ids + task->n_id, ids, n * sizeof *ids);
    task->n_id += n;
    return true;
}

/* What was read before of these very ids; the last one is read again where a document's sampler is
 * not at hand, for nothing depends on it. */
static bool find_read(const struct task_room *room, struct task *task) {
    struct completion *completion = task->completion;
    dm_error error;
    if (completion->document) {
        task->n_cached = completion->document->state->n_token;
        completion->n_prompt_token += completion->document->state->n_token;
        return true;
    }
    struct state *state = states_find(room->states, completion->method->key, task->ids, task->n_id);
    if (state && state->document && !document_wake_state(room->documents, state, room->states))
        state = NULL;
    if (state) {
        states_touch(room->states, state);
        task->n_read = state->n_token;
        task->n_cached = state->n_token;
    }
    return !(state ? dm_session_fork(state->session, &task->session, &error)
                   : dm_session_new(room->served->model, &completion->method->options,
                                    &task->session, &error)) ||
           fail("%s: %s", completion->id, error.message);
}

static void begin_reading(const struct task_room *room, struct task *task) {
    struct completion *completion = task->completion;
    struct api_error error;
    completion->n_prompt_token += task->n_id;
    if (task->n_id > room->max_prompt_token) {
        refuse(&error, completion->request.chat ? "messages" : "prompt",
               "the prompt has %zu tokens: at most %zu are read here; a document may be longer",
               task->n_id, room->max_prompt_token);
        error.code = "context_length_exceeded";
        task_fail(task, &error);
    } else if (!task->n_id && !completion->document) {
        refuse(&error, "prompt", "the prompt is empty");
        task_fail(task, &error);
    } else if (!find_read(room, task)) {
        break_off(task, NULL);
    } else {
        metrics_count(room->metrics, CACHED_TOKENS, task->n_cached);
        metrics_count(room->metrics, PROMPT_TOKENS, task->n_id - task->n_read);
        completion->n_cached += task->n_cached;
        completion_begin(completion);
        task->state = TASK_READING;
    }
}

/* Text that cannot be encoded is its sender's fault. */
static void refuse_text(struct task *task, const dm_error *cause) {
    struct api_error error;
    if (cause->status == DM_ERROR_MEMORY) {
        break_off(task, cause);
        return;
    }
    refuse(&error, "prompt", "the prompt: %s", cause->message);
    task_fail(task, &error);
}

void task_encode_some(const struct task_room *room, struct task *task) {
    size_t n = task->n_byte - task->n_encoded;
    const int32_t *ids;
    size_t n_id;
    dm_error error;
    bool last = n <= piece_size;
    if (!task->text) {
        begin_reading(room, task);
        return;
    }
    n = last ? n : piece_size;
    if (dm_encoder_push(task->encoder, task->text + task->n_encoded, n, &ids, &n_id, &error))
        refuse_text(task, &error);
    else if (!add_ids(task, ids, n_id))
        break_off(task, NULL);
    task->n_encoded += n;
    if (task->state == TASK_OVER || !last)
        return;
    if (dm_encoder_finish(task->encoder, &ids, &n_id, &error))
        refuse_text(task, &error);
    else if (!add_ids(task, ids, n_id))
        break_off(task, NULL);
    else
        begin_reading(room, task);
}

/* ---- Answering ---- */

/* The state at the prompt's end, for prompts that go on from it: the next turn of a chat. */
static void keep_prompt(const struct task_room *room, const struct task *task) {
    const struct completion *completion = task->completion;
    dm_session *copy;
    XXH3_state_t *hash;
    if (!completion->request.keep_prompt || completion->document ||
        states_find(room->states, completion->method->key, task->ids, task->n_id) ||
        !(hash = ids_hash_new(room->states)))
        return;
    ids_hash_add(hash, task->ids, task->n_id);
    if (!dm_session_fork(task->session, &copy, NULL))
        states_add(room->states, completion->method->key, XXH3_128bits_digest(hash), task->n_id,
                   copy, NULL, NULL);
    XXH3_freeState(hash);
}

/* The sampler knows the tokens before it: a document's, and the prompt's. */
static dm_status tell_sampler(const struct choice *choice, dm_error *error) {
    const struct task *task = choice->task;
    const struct document *document = task->completion->document;
    dm_sampler *sampler = choice->generation.sampler;
    dm_status status = DM_OK;
    if (document && document->state && document->state->sampler) {
        status = dm_sampler_rewind(sampler, document->state->sampler, error);
        dm_sampler_set_seed(sampler, task->completion->request.sampling.sampler.seed +
                                         choice->index % task->completion->request.n);
    }
    return status ? status : dm_sampler_accept(sampler, task->ids, task->n_id, error);
}

/* When a token came: the first after a request, or one after another. */
static void time_token(const struct task_room *room, struct choice *choice) {
    double now = seconds_now();
    if (choice->told_at > 0)
        metrics_time(room->metrics, BETWEEN_TOKENS, now - choice->told_at);
    else
        metrics_time(room->metrics, FIRST_TOKEN, now - choice->task->completion->arrived_at);
    choice->told_at = now;
}

void choice_draw(const struct task_room *room, struct choice *choice, const float *logits) {
    struct generation *generation = &choice->generation;
    struct task *task = choice->task;
    time_token(room, choice);
    if (!generation->ended && !generation_turn(generation, logits, &choice->next)) {
        break_off(task, NULL);
        return;
    }
    if (!generation->ended)
        return;
    if (!generation_finish(generation)) {
        break_off(task, NULL);
        return;
    }
    choice->done = true;
    task->completion->n_generated += generation->n_id;
    metrics_count(room->metrics, GENERATED_TOKENS, generation->n_id);
    metrics_time(room->metrics, WHOLE_ANSWER, seconds_now() - task->completion->arrived_at);
    completion_end_choice(choice);
    dm_session_free(choice->session);
    choice->session = NULL;
    if (++task->n_done == task->n_choice)
        end_task(task);
}

static bool open_choice(struct task *task, size_t i, dm_error *error) {
    struct choice *choice = &task->choices[i];
    error->message[0] = 0;
    if (i + 1 < task->n_choice) {
        if (dm_session_fork(task->session, &choice->session, error))
            return false;
    } else {
        choice->session = task->session;
        task->session = NULL;
    }
    if (!choice_open(choice) || tell_sampler(choice, error))
        return false;
    completion_begin_choice(choice);
    return true;
}

void task_begin_answer(const struct task_room *room, struct task *task) {
    dm_error error;
    keep_prompt(room, task);
    if (dm_session_next_logits(task->session, room->logits, &error)) {
        break_off(task, &error);
        return;
    }
    task->state = TASK_ANSWERING;
    for (size_t i = 0; i < task->n_choice && task->state == TASK_ANSWERING; i++)
        if (open_choice(task, i, &error))
            choice_draw(room, &task->choices[i], room->logits);
        else
            break_off(task, *error.message ? &error : NULL);
}
