#include "completion_request.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "request_keys.h"

/* ---- What is not done here ---- */

/* Keys that would change an answer, beside what they may say all the same. */
static bool check_others(const json_t *body, bool chat, size_t n, struct api_error *error) {
    static const char *const penalties[] = {"frequency_penalty", "presence_penalty"};
    static const char *const lists[] = {"tools", "functions", "logit_bias"};
    size_t best_of = n;
    for (size_t i = 0; i < 2; i++) {
        double penalty = 0;
        if (!key_real(body, penalties[i], -2, 2, &penalty, error))
            return false;
        if (penalty != 0)
            return refuse(error, penalties[i], "%s: only 0 is taken: there is repetition_penalty",
                          penalties[i]);
    }
    for (size_t i = 0; i < 3; i++) {
        const json_t *value = key_value(body, lists[i]);
        if (value && (json_array_size(value) || json_object_size(value)))
            return refuse(error, lists[i], "%s: is not supported", lists[i]);
    }
    const json_t *format = key_value(body, "response_format");
    const char *type = json_string_value(json_object_get(format, "type"));
    if (format && (!type || strcmp(type, "text") != 0))
        return refuse(error, "response_format", "response_format: only \"text\" is supported");
    const json_t *suffix = key_value(body, "suffix");
    if (suffix && json_string_length(suffix))
        return refuse(error, "suffix", "suffix: is not supported");
    if (!chat && !key_size(body, "best_of", 1, max_choice, &best_of, error))
        return false;
    return best_of == n || refuse(error, "best_of", "best_of: only n is taken");
}

/* ---- How tokens are drawn ---- */

/* OpenAI's defaults, and the names that llama.cpp's and vLLM's servers have for what is beyond them. */
static bool read_sampling(struct completion_request *request, struct api_error *error) {
    const json_t *body = request->body, *seed = key_value(body, "seed");
    struct sampling_flags *sampling = &request->sampling;
    dm_sampler_options *sampler = &sampling->sampler;
    *sampler = (dm_sampler_options)DM_SAMPLER_OPTIONS_INIT;
    sampler->temperature = 1;
    if (seed && !json_is_integer(seed))
        return refuse(error, "seed", "seed: must be a whole number");
    if (seed) {
        sampler->seed = (uint64_t)json_integer_value(seed);
        sampling->seed_given = true;
    }
    return key_real(body, "temperature", 0, 1e6, &sampler->temperature, error) &&
           key_real(body, "top_p", 1e-9, 1, &sampler->top_p, error) &&
           key_real(body, "min_p", 0, 1, &sampler->min_p, error) &&
           key_size(body, "top_k", 0, SIZE_MAX / 2, &sampler->top_k, error) &&
           key_real(body, "repetition_penalty", 1e-6, 1e6, &sampler->repetition_penalty, error) &&
           key_bool(body, "ignore_eos", &sampling->ignore_end, error);
}

static bool add_stop(struct text_list *stops, const json_t *stop, struct api_error *error) {
    const char *text = json_string_value(stop);
    if (!text || !*text || strlen(text) != json_string_length(stop))
        return refuse(error, "stop",
                      "stop: must be a text, or a list of texts, none of them empty");
    if (stops->n == max_stop)
        return refuse(error, "stop", "stop: more than %d texts", (int)max_stop);
    stops->items[stops->n++] = text;
    return true;
}

static bool read_ending(struct completion_request *request, struct api_error *error) {
    const json_t *body = request->body, *stop = key_value(body, "stop");
    struct sampling_flags *sampling = &request->sampling;
    const char *key = "max_tokens";
    if (request->chat && key_value(body, "max_completion_tokens"))
        key = "max_completion_tokens";
    request->max_tokens_given = key_value(body, key) != NULL;
    if (!key_size(body, key, 0, SIZE_MAX / 2, &sampling->max_tokens, error))
        return false;
    if (!json_is_array(stop))
        return !stop || add_stop(&sampling->stops, stop, error);
    for (size_t i = 0; i < json_array_size(stop); i++)
        if (!add_stop(&sampling->stops, json_array_get(stop, i), error))
            return false;
    return true;
}

/* ---- What is told of the answer ---- */

/* A completion's "logprobs" is how many; a chat's says whether, and "top_logprobs" how many. */
static bool read_logprobs(struct completion_request *request, struct api_error *error) {
    const json_t *body = request->body, *value = key_value(body, "logprobs");
    if (request->chat)
        return key_bool(body, "logprobs", &request->logprobs, error) &&
               key_size(body, "top_logprobs", 0, max_top, &request->n_top, error) &&
               (request->logprobs || !request->n_top ||
                refuse(error, "top_logprobs", "top_logprobs: needs logprobs to be true"));
    if (!value || json_is_false(value))
        return true;
    request->logprobs = true;
    return key_size(body, "logprobs", 0, max_top, &request->n_top, error);
}

static bool read_output(struct completion_request *request, struct api_error *error) {
    const json_t *body = request->body, *options = key_value(body, "stream_options");
    if (options && !json_is_object(options))
        return refuse(error, "stream_options", "stream_options: must be an object");
    if (!key_bool(body, "stream", &request->stream, error) ||
        !key_bool(options, "include_usage", &request->include_usage, error) ||
        !key_bool(body, "cache_prompt", &request->keep_prompt, error) ||
        !key_size(body, "n", 1, max_choice, &request->n, error) || !read_logprobs(request, error))
        return false;
    if (request->chat)
        return true;
    return key_bool(body, "echo", &request->echo, error) &&
           (!request->echo || !request->logprobs ||
            refuse(error, "echo", "echo: there are no log-probabilities of a prompt"));
}

/* ---- Prompts ---- */

static bool is_prompt_of_ids(const json_t *value) {
    return json_is_array(value) && json_is_integer(json_array_get(value, 0));
}

static bool fill_prompt(struct request_prompt *prompt, const json_t *value,
                        struct api_error *error) {
    if (json_is_string(value)) {
        prompt->text = json_string_value(value);
        prompt->n_byte = json_string_length(value);
        return true;
    }
    if (!is_prompt_of_ids(value))
        return refuse(error, "prompt",
                      "prompt: must be a text, a list of ids, or a list of either, not empty");
    prompt->n_id = json_array_size(value);
    prompt->ids = calloc(prompt->n_id, sizeof *prompt->ids);
    if (!prompt->ids)
        return refuse_memory(error);
    for (size_t i = 0; i < prompt->n_id; i++) {
        const json_t *id = json_array_get(value, i);
        json_int_t number = json_integer_value(id);
        if (!json_is_integer(id) || number < 0 || number > INT32_MAX)
            return refuse(error, "prompt", "prompt: number %zu of the ids is none", i);
        prompt->ids[i] = (int32_t)number;
    }
    return true;
}

static bool read_prompts(struct completion_request *request, struct api_error *error) {
    const json_t *value = key_value(request->body, "prompt");
    bool list = json_is_array(value) && !is_prompt_of_ids(value);
    size_t n = list ? json_array_size(value) : 1;
    if (!value)
        return refuse(error, "prompt", "prompt: is missing");
    if (n == 0 || n > max_choice / request->n)
        return refuse(error, "prompt", "prompt: a request has 1 to %d answers, not %zu of %zu each",
                      (int)max_choice, n, request->n);
    request->prompts = calloc(n, sizeof *request->prompts);
    if (!request->prompts)
        return refuse_memory(error);
    request->n_prompt = n;
    for (size_t i = 0; i < n; i++)
        if (!fill_prompt(&request->prompts[i], list ? json_array_get(value, i) : value, error))
            return false;
    return true;
}

/* ---- Messages ---- */

/* The texts of a content's parts, one behind the other; allocated. */
static bool join_parts(const json_t *parts, char **joined, struct api_error *error) {
    size_t n = 0, at = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < json_array_size(parts); i++) {
            const json_t *part = json_array_get(parts, i);
            const char *type = json_string_value(json_object_get(part, "type"));
            const json_t *text = json_object_get(part, "text");
            if (!type || strcmp(type, "text") != 0 || !json_is_string(text))
                return refuse(error, "messages", "messages: only parts of type \"text\" are read");
            size_t length = json_string_length(text);
            if (pass)
                memcpy(*joined + at, json_string_value(text), length);
            at += pass ? length : 0;
            n += pass ? 0 : length;
        }
        if (!pass && !(*joined = calloc(n + 1, 1)))
            return refuse_memory(error);
    }
    return strlen(*joined) == n || refuse(error, "messages", "messages: a message holds no NUL");
}

static bool fill_message(struct completion_request *request, size_t i, struct api_error *error) {
    const json_t *item = json_array_get(key_value(request->body, "messages"), i);
    const json_t *content = key_value(item, "content");
    dm_chat_message *message = &request->messages[i];
    if (!json_is_object(item) || !key_text(item, "role", &message->role, error) || !message->role)
        return refuse(error, "messages", "messages: number %zu has no \"role\"", i);
    if (json_is_array(content)) {
        if (!join_parts(content, &request->contents[i], error))
            return false;
        message->content = request->contents[i];
        return true;
    }
    if (!json_is_string(content) ||
        strlen(json_string_value(content)) != json_string_length(content))
        return refuse(error, "messages", "messages: the \"content\" of number %zu is no text", i);
    message->content = json_string_value(content);
    return true;
}

static bool read_messages(struct completion_request *request, struct api_error *error) {
    const json_t *list = key_value(request->body, "messages");
    size_t n = json_array_size(list);
    if (!json_is_array(list) || !n)
        return refuse(error, "messages", "messages: must be a list of messages, not empty");
    request->messages = calloc(n, sizeof *request->messages);
    request->contents = calloc(n, sizeof *request->contents);
    if (!request->messages || !request->contents)
        return refuse_memory(error);
    request->n_message = n;
    for (size_t i = 0; i < n; i++)
        if (!fill_message(request, i, error))
            return false;
    return true;
}

/* ---- The whole ---- */

static bool read_body(struct completion_request *request, struct api_error *error) {
    const json_t *body = request->body;
    request->method = key_value(body, "method");
    return key_text(body, "model", &request->model, error) &&
           key_text(body, "document", &request->document, error) && read_sampling(request, error) &&
           read_ending(request, error) && read_output(request, error) &&
           check_others(body, request->chat, request->n, error) &&
           (request->chat ? read_messages(request, error) : read_prompts(request, error));
}

bool completion_request_read(struct completion_request *request, bool chat, const char *text,
                             size_t n_byte, struct api_error *error) {
    dm_error fault;
    *request = (struct completion_request){.chat = chat, .n = 1, .keep_prompt = true};
    if (dm_json_parse(text, n_byte, "the body", &request->body, &fault))
        return fault.status == DM_ERROR_MEMORY ? refuse_memory(error)
                                               : refuse(error, NULL, "%s", fault.message);
    bool fine = json_is_object(request->body)
                    ? read_body(request, error)
                    : refuse(error, NULL, "the body must be one JSON object");
    if (!fine)
        completion_request_free(request);
    return fine;
}

void completion_request_free(struct completion_request *request) {
    for (size_t i = 0; i < request->n_prompt; i++)
        free(request->prompts[i].ids);
    for (size_t i = 0; i < request->n_message; i++)
        free(request->contents[i]);
    free(request->prompts);
    free(request->messages);
    free(request->contents);
    json_decref(request->body);
    *request = (struct completion_request){0};
}
