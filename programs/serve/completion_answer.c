/* What is told of a completion: JSON in the end, or events as it goes on. */
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "base/utf8.h"
#include "cli/fail.h"
#include "cli/json_output.h"
#include "cli/token_texts.h"
#include "completion.h"

/* ---- Log-probabilities ---- */

static double logprob_of(const struct choice *choice, const float *logits, int32_t id) {
    return -dm_negative_log_likelihood(logits, choice->generation.vocab_size, id);
}

static json_t *text_of(const struct choice *choice, int32_t id) {
    return token_text_json(choice->task->completion->served->tokenizer, id);
}

static json_t *bytes_of(const json_t *text) {
    json_t *list = json_array();
    for (size_t i = 0; i < json_string_length(text); i++)
        json_array_append_new(list, json_integer((unsigned char)json_string_value(text)[i]));
    return list;
}

/* A token of a chat's "logprobs", without its "top_logprobs". */
static json_t *chat_logprob(const struct choice *choice, const float *logits, int32_t id) {
    json_t *text = text_of(choice, id);
    return json_pack("{so so so}", "token", text, "bytes", bytes_of(text), "logprob",
                     json_number_or_null(logprob_of(choice, logits, id)));
}

static void add_chat_logprobs(struct choice *choice, const struct shown_token *token,
                              json_t *logprobs) {
    size_t top[most_top], n = largest_logits(token->logits, choice->generation.n_allowed,
                                             choice->task->completion->request.n_top, top);
    json_t *own = chat_logprob(choice, token->logits, token->id), *list = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, chat_logprob(choice, token->logits, (int32_t)top[i]));
    json_object_set_new(own, "top_logprobs", list);
    json_array_append_new(json_object_get(logprobs, "content"), own);
}

/* The lists of a completion's "logprobs". */
static void add_text_logprobs(struct choice *choice, const struct shown_token *token,
                              json_t *logprobs) {
    size_t top[most_top], n = largest_logits(token->logits, choice->generation.n_allowed,
                                             choice->task->completion->request.n_top, top);
    json_t *text = text_of(choice, token->id), *best = json_object();
    for (size_t i = 0; i < n; i++) {
        json_t *name = text_of(choice, (int32_t)top[i]);
        json_object_set_new(
            best, json_string_value(name) ? json_string_value(name) : "",
            json_number_or_null(logprob_of(choice, token->logits, (int32_t)top[i])));
        json_decref(name);
    }
    json_array_append_new(json_object_get(logprobs, "text_offset"), json_size(choice->text_offset));
    choice->text_offset += dm_utf8_count(json_string_value(text), json_string_length(text));
    json_array_append_new(json_object_get(logprobs, "token_logprobs"),
                          json_number_or_null(logprob_of(choice, token->logits, token->id)));
    json_array_append_new(json_object_get(logprobs, "tokens"), text);
    json_array_append_new(json_object_get(logprobs, "top_logprobs"), best);
}

static json_t *logprobs_new(const struct completion *completion) {
    return completion->request.chat ? json_pack("{s[]}", "content")
                                    : json_pack("{s[] s[] s[] s[]}", "tokens", "token_logprobs",
                                                "top_logprobs", "text_offset");
}

/* Adds a token's to *logprobs, which begins with it. */
static void add_logprobs(struct choice *choice, const struct shown_token *token,
                         json_t **logprobs) {
    const struct completion *completion = choice->task->completion;
    if (!*logprobs)
        *logprobs = logprobs_new(completion);
    if (!*logprobs || token->id < 0)
        return;
    if (completion->request.chat)
        add_chat_logprobs(choice, token, *logprobs);
    else
        add_text_logprobs(choice, token, *logprobs);
}

/* ---- Parts of both ---- */

static json_t *finish_reason(const struct choice *choice) {
    return json_string(choice->generation.reason == END_LENGTH ? "length" : "stop");
}

static json_t *usage(const struct completion *completion) {
    return json_pack("{so so so s{so}}", "prompt_tokens", json_size(completion->n_prompt_token),
                     "completion_tokens", json_size(completion->n_generated), "total_tokens",
                     json_size(completion->n_prompt_token + completion->n_generated),
                     "prompt_tokens_details", "cached_tokens", json_size(completion->n_cached));
}

/* The whole of an answer, or an event; it takes the choices. */
static json_t *envelope(const struct completion *completion, json_t *choices) {
    const char *object = !completion->request.chat    ? "text_completion"
                         : completion->request.stream ? "chat.completion.chunk"
                                                      : "chat.completion";
    return json_pack("{ss ss sI ss so}", "id", completion->id, "object", object, "created",
                     (json_int_t)completion->created, "model", completion->served->name, "choices",
                     choices);
}

static json_t *or_null(json_t *value) {
    return value ? value : json_null();
}

/* ---- Events ---- */

/* Of a choice; it takes all three. `delta`: a text's "text" or a chat's "delta". */
static void send_chunk(const struct choice *choice, json_t *delta, json_t *logprobs,
                       json_t *reason) {
    const struct completion *completion = choice->task->completion;
    const char *key = completion->request.chat ? "delta" : "text";
    json_t *object = envelope(
        completion, json_pack("[{so so so so}]", "index", json_size(choice->index), key, delta,
                              "logprobs", or_null(logprobs), "finish_reason", or_null(reason)));
    if (object && completion->request.include_usage)
        json_object_set_new(object, "usage", json_null());
    reply_event(completion->reply, object);
}

static void send_text(const struct choice *choice, const char *text, size_t n_byte,
                      json_t *logprobs) {
    json_t *string = json_stringn(text, n_byte);
    send_chunk(choice,
               choice->task->completion->request.chat ? json_pack("{so}", "content", string)
                                                      : string,
               logprobs, NULL);
}

void completion_begin(struct completion *completion) {
    if (!completion->request.stream || completion->begun)
        return;
    completion->begun = true;
    reply_stream(completion->reply, CONTENT_EVENTS);
}

/* ---- A choice ---- */

static bool add_text(struct choice *choice, const char *text, size_t n_byte) {
    if (choice->task->completion->request.stream) {
        send_text(choice, text, n_byte, NULL);
        return true;
    }
    char *room = dm_grow(choice->text, choice->n_byte, n_byte, &choice->capacity, 1);
    if (!room)
        return fail_memory();
    choice->text = room;
    memcpy(choice->text + choice->n_byte, text, n_byte);
    choice->n_byte += n_byte;
    return true;
}

/* A prompt's text as it was given, or what its ids stand for. */
static void echo(struct choice *choice) {
    const struct task *task = choice->task;
    char *text = NULL;
    size_t n_byte = 0;
    if (task->text) {
        add_text(choice, task->text, task->n_byte);
        return;
    }
    if (!dm_tokenizer_decode(task->completion->served->tokenizer, task->ids, task->n_id, 0, &text,
                             &n_byte, NULL))
        add_text(choice, text, n_byte);
    dm_free(text);
}

void completion_begin_choice(struct choice *choice) {
    const struct completion_request *request = &choice->task->completion->request;
    if (request->chat && request->stream)
        send_chunk(choice, json_pack("{ss ss}", "role", "assistant", "content", ""), NULL, NULL);
    if (request->echo)
        echo(choice);
}

bool completion_show(const struct shown_token *token, void *user) {
    struct choice *choice = user;
    const struct completion_request *request = &choice->task->completion->request;
    json_t *logprobs = NULL;
    if (!request->stream) {
        if (request->logprobs)
            add_logprobs(choice, token, &choice->logprobs);
        return !token->n_byte || add_text(choice, token->text, token->n_byte);
    }
    if (request->logprobs && token->id >= 0)
        add_logprobs(choice, token, &logprobs);
    if (token->n_byte || logprobs)
        send_text(choice, token->text, token->n_byte, logprobs);
    return true;
}

void completion_end_choice(struct choice *choice) {
    const struct completion *completion = choice->task->completion;
    if (completion->request.stream)
        send_chunk(choice, completion->request.chat ? json_object() : json_string(""), NULL,
                   finish_reason(choice));
}

/* ---- The end ---- */

static json_t *choice_json(struct choice *choice) {
    const struct completion_request *request = &choice->task->completion->request;
    json_t *text = json_stringn(choice->text ? choice->text : "", choice->n_byte);
    json_t *logprobs = choice->logprobs;
    choice->logprobs = NULL;
    if (request->logprobs && !logprobs)
        logprobs = logprobs_new(choice->task->completion);
    const char *key = request->chat ? "message" : "text";
    if (request->chat)
        text =
            json_pack("{ss so so}", "role", "assistant", "content", text, "refusal", json_null());
    return json_pack("{so so so so}", "index", json_size(choice->index), key, text, "logprobs",
                     or_null(logprobs), "finish_reason", finish_reason(choice));
}

static json_t *answer_json(const struct completion *completion) {
    json_t *choices = json_array();
    for (size_t i = 0; i < completion->n_task; i++)
        for (size_t k = 0; k < completion->tasks[i].n_choice; k++)
            if (json_array_append_new(choices, choice_json(&completion->tasks[i].choices[k]))) {
                json_decref(choices);
                return NULL;
            }
    json_t *object = envelope(completion, choices);
    if (object && json_object_set_new(object, "usage", usage(completion))) {
        json_decref(object);
        return NULL;
    }
    return object;
}

void completion_end(struct completion *completion) {
    if (!completion->request.stream) {
        reply_send_json(completion->reply, 200, answer_json(completion));
        return;
    }
    if (completion->request.include_usage) {
        json_t *last = envelope(completion, json_array());
        json_object_set_new(last, "usage", usage(completion));
        reply_event(completion->reply, last);
    }
    reply_add(completion->reply, "data: [DONE]\n\n", strlen("data: [DONE]\n\n"));
    reply_finish(completion->reply);
}
