#include "completion.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/progress.h"
#include "random_id.h"

/* ---- What is to be read ---- */

static bool render_chat(struct completion *completion, struct api_error *error) {
    const struct completion_request *request = &completion->request;
    const struct served_model *served = completion->served;
    struct task *task = &completion->tasks[0];
    dm_error fault;
    if (!served->chat)
        return refuse(error, "messages", "%s", served->no_chat);
    dm_status status = dm_chat_template_render(served->chat, request->messages, request->n_message,
                                               1, &completion->chat_text, &task->n_byte, &fault);
    if (status == DM_ERROR_ARGUMENT || status == DM_ERROR_FORMAT)
        return refuse(error, "messages", "messages: %s", fault.message);
    task->text = completion->chat_text;
    return !status || refuse_as(error, 500, "the chat template failed");
}

/* The tokenizer's own tokens go before a text that begins here: not where it goes on from a document,
 * where a template has them, or where ids are given as they are. */
static bool begin_ids(struct task *task, struct api_error *error) {
    const struct completion *completion = task->completion;
    const struct served_model *served = completion->served;
    size_t n = served->n_before;
    if (completion->request.chat || completion->document || !task->text || !n)
        return true;
    task->ids = calloc(n, sizeof *task->ids);
    if (!task->ids)
        return refuse_memory(error);
    memcpy(task->ids, served->before, n * sizeof *task->ids);
    task->n_id = task->capacity = n;
    return true;
}

static bool fill_task(struct task *task, struct request_prompt *prompt, struct api_error *error) {
    size_t vocab_size = task->completion->served->info.vocab_size;
    if (prompt) {
        task->text = prompt->text;
        task->n_byte = prompt->n_byte;
        task->ids = prompt->ids;
        task->n_id = task->capacity = prompt->n_id;
        prompt->ids = NULL;
    }
    for (size_t i = 0; i < task->n_id; i++)
        if ((size_t)task->ids[i] >= vocab_size)
            return refuse(error, "prompt", "prompt: token id %ld: the model's ids are 0 to %zu",
                          (long)task->ids[i], vocab_size - 1);
    return begin_ids(task, error);
}

static bool make_tasks(struct completion *completion, struct api_error *error) {
    struct completion_request *request = &completion->request;
    size_t n = request->chat ? 1 : request->n_prompt;
    completion->tasks = calloc(n, sizeof *completion->tasks);
    if (!completion->tasks)
        return refuse_memory(error);
    completion->n_task = n;
    for (size_t i = 0; i < n; i++) {
        struct task *task = &completion->tasks[i];
        task->completion = completion;
        task->choices = calloc(request->n, sizeof *task->choices);
        if (!task->choices)
            return refuse_memory(error);
        task->n_choice = request->n;
        for (size_t k = 0; k < task->n_choice; k++)
            task->choices[k] = (struct choice){.task = task, .index = i * request->n + k};
        if (!fill_task(task, request->chat ? NULL : &request->prompts[i], error))
            return false;
    }
    return !request->chat || render_chat(completion, error);
}

/* ---- By which method ---- */

static bool choose_method(struct completion *completion, struct api_error *error) {
    const struct completion_request *request = &completion->request;
    if (request->method && !request_method_read(&completion->own_method, request->method,
                                                completion->served->model, error))
        return false;
    if (request->document &&
        !(completion->document = documents_take(completion->documents, request->document, error)))
        return false;
    completion->method = completion->own_method ? completion->own_method
                         : completion->document ? completion->document->method
                                                : completion->served->method;
    if (completion->document &&
        strcmp(completion->method->key, completion->document->method->key) != 0)
        return refuse(error, "method", "method: the document was read by other settings, %.300s",
                      completion->document->method->key);
    return true;
}

static bool check_model(const struct completion *completion, struct api_error *error) {
    const char *model = completion->request.model;
    if (!model || !strcmp(model, completion->served->name))
        return true;
    refuse_as(error, 404, "there is no model '%.80s' here, but '%.80s'", model,
              completion->served->name);
    snprintf(error->param, sizeof error->param, "model");
    error->code = "model_not_found";
    return false;
}

/* Where none is given, draws are not to be foreseen. */
static bool draw_seed(struct completion *completion) {
    struct sampling_flags *sampling = &completion->request.sampling;
    uint64_t *seed = &sampling->sampler.seed;
    return sampling->seed_given || random_bytes(seed, sizeof *seed);
}

/* ---- The whole ---- */

bool completion_new(struct completion **result, struct completion_request *request,
                    const struct served_model *served, struct documents *documents,
                    struct reply *reply, struct api_error *error) {
    struct completion *completion = calloc(1, sizeof *completion);
    if (!completion) {
        completion_request_free(request);
        return refuse_memory(error);
    }
    *completion = (struct completion){.request = *request,
                                      .served = served,
                                      .documents = documents,
                                      .created = time(NULL),
                                      .arrived_at = seconds_now()};
    bool fine =
        check_model(completion, error) && choose_method(completion, error) &&
        make_tasks(completion, error) &&
        ((random_id(request->chat ? "chatcmpl-" : "cmpl-", completion->id, sizeof completion->id) &&
          draw_seed(completion)) ||
         refuse_as(error, 500, "there are no random numbers"));
    if (fine) {
        completion->reply = reply_share(reply);
        *result = completion;
    } else {
        completion_free(completion);
    }
    return fine;
}

static void free_task(struct task *task) {
    for (size_t i = 0; i < task->n_choice; i++) {
        struct choice *choice = &task->choices[i];
        if (choice->opened)
            generation_free(&choice->generation);
        dm_session_free(choice->session);
        json_decref(choice->logprobs);
        free(choice->text);
    }
    dm_encoder_free(task->encoder);
    dm_session_free(task->session);
    free(task->choices);
    free(task->ids);
}

void completion_free(struct completion *completion) {
    for (size_t i = 0; i < completion->n_task; i++)
        free_task(&completion->tasks[i]);
    free(completion->tasks);
    dm_free(completion->chat_text);
    if (completion->document)
        documents_give_back(completion->documents, completion->document);
    request_method_free(completion->own_method);
    completion_request_free(&completion->request);
    reply_release(completion->reply);
    free(completion);
}

/* Choices of one prompt draw from seeds that follow each other. */
bool choice_open(struct choice *choice) {
    const struct completion *completion = choice->task->completion;
    const struct served_model *served = completion->served;
    struct sampling_flags sampling = completion->request.sampling;
    struct generation *generation = &choice->generation;
    sampling.sampler.seed += choice->index % completion->request.n;
    choice->opened = true;
    if (!generation_open_with(generation, served->ends, served->n_end, &served->info,
                              served->tokenizer, &sampling))
        return false;
    generation->stops.list = &completion->request.sampling.stops;
    generation->session = choice->session;
    generation->show = completion_show;
    generation->user = choice;
    return generation_begin(generation);
}

void completion_fail(struct completion *completion, const struct api_error *error) {
    if (completion->failed)
        return;
    completion->failed = true;
    if (!completion->begun) {
        reply_error(completion->reply, error);
        return;
    }
    reply_event(completion->reply, api_error_json(error));
    reply_finish(completion->reply);
}
