/* Prompts from a file, some at a time: each group is read and continued as one packed batch. */
#include <stdlib.h>
#include <unistd.h>

#include "cli/fail.h"
#include "cli/json_output.h"
#include "cli/progress.h"
#include "cli/read_tokens.h"
#include "generate.h"
#include "json_lines.h"

/* A prompt, and what becomes of it. */
struct item {
    json_t *id;
    int32_t *ids; /* [n_id] of the prompt's text, allocated */
    size_t n_id;
    dm_session *session;
    struct generation generation;
    struct generate_answer answer;
};

struct batch {
    struct generate_settings *settings;
    dm_model *model;
    const dm_model_info *info;
    const dm_tokenizer *tokenizer;
    const int32_t *before; /* [n_before] that the tokenizer puts before a text */
    size_t n_before;
    dm_method_options method;
    struct json_lines lines;
    struct item *items; /* [n], of at most settings->n_at_once */
    size_t n;
    float *logits; /* [n_at_once, vocab_size] */
    /* what a call is given of some of the items, [n_at_once] each */
    dm_session **sessions;
    const int32_t **texts;
    size_t *counts;
    struct item **running;
    int32_t *next;
};

static bool allocate(struct batch *batch) {
    size_t n = batch->settings->n_at_once;
    batch->items = calloc(n, sizeof *batch->items);
    batch->logits = calloc(n * batch->info->vocab_size, sizeof *batch->logits);
    batch->sessions = calloc(n, sizeof *batch->sessions);
    batch->texts = calloc(n, sizeof *batch->texts);
    batch->counts = calloc(n, sizeof *batch->counts);
    batch->running = calloc(n, sizeof *batch->running);
    batch->next = calloc(n, sizeof *batch->next);
    return (batch->items && batch->logits && batch->sessions && batch->texts && batch->counts &&
            batch->running && batch->next) ||
           fail_memory();
}

static void free_items(struct batch *batch) {
    for (size_t i = 0; i < batch->n; i++) {
        struct item *item = &batch->items[i];
        json_decref(item->id);
        dm_free(item->ids);
        dm_session_free(item->session);
        generation_free(&item->generation);
        generate_answer_free(&item->answer);
    }
    batch->n = 0;
}

static void release(struct batch *batch) {
    free_items(batch);
    free(batch->items);
    free(batch->logits);
    free(batch->sessions);
    free(batch->texts);
    free(batch->counts);
    free(batch->running);
    free(batch->next);
}

/* ---- The prompts ---- */

static bool show(const struct shown_token *token, void *user) {
    struct item *item = user;
    return generate_answer_add(&item->answer, token);
}

/* Names the line. */
static dm_status refuse(const struct batch *batch, dm_error *error) {
    const dm_error own = *error;
    return json_lines_fail(&batch->lines, own.status, error, "%.400s", own.message);
}

/* Takes the object of a line. */
static dm_status fill(const struct batch *batch, const json_t *object, struct item *item,
                      dm_error *error) {
    const json_t *text;
    json_t *id = json_object_get(object, "id");
    dm_status status = json_lines_text(&batch->lines, object, "prompt", &text, error);
    if (status)
        return status;
    item->id = id ? json_incref(id) : json_size(batch->lines.number);
    if (dm_tokenizer_encode(batch->tokenizer, json_string_value(text), json_string_length(text),
                            &item->ids, &item->n_id, error))
        return refuse(batch, error);
    for (size_t i = 0; i < item->n_id; i++)
        if ((size_t)item->ids[i] >= batch->info->vocab_size)
            return json_lines_fail(&batch->lines, DM_ERROR_ARGUMENT, error,
                                   "token id %ld: the model's ids are 0 to %zu", (long)item->ids[i],
                                   batch->info->vocab_size - 1);
    if (!item->n_id && !batch->n_before)
        return json_lines_fail(&batch->lines, DM_ERROR_ARGUMENT, error, "the prompt is empty");
    return dm_session_new(batch->model, &batch->method, &item->session, error);
}

static bool open_item(const struct batch *batch, struct item *item) {
    item->answer = (struct generate_answer){.settings = batch->settings,
                                            .tokenizer = batch->tokenizer,
                                            .generation = &item->generation};
    if (!generation_open(&item->generation, batch->settings->directory, batch->info,
                         batch->tokenizer, &batch->settings->sampling))
        return false;
    item->generation.session = item->session;
    item->generation.show = show;
    item->generation.user = item;
    return generation_begin(&item->generation);
}

/* The next lines, as many as there are at a time. */
static bool take_lines(struct batch *batch) {
    dm_status status = DM_OK;
    dm_error error;
    while (!status && batch->n < batch->settings->n_at_once) {
        json_t *object;
        status = json_lines_next(&batch->lines, &object, &error);
        if (status || !object)
            break;
        struct item *item = &batch->items[batch->n++];
        *item = (struct item){0};
        status = fill(batch, object, item, &error);
        json_decref(object);
        if (!status && !open_item(batch, item))
            return false;
    }
    return !status || fail("%s", error.message);
}

/* ---- Together ---- */

/* Reads the prompts, and gives the logits that each goes on from. */
static dm_status read_prompts(struct batch *batch, dm_error *error) {
    dm_status status = DM_OK;
    for (size_t i = 0; i < batch->n && !status; i++) {
        struct item *item = &batch->items[i];
        batch->sessions[i] = item->session;
        batch->texts[i] = item->ids;
        batch->counts[i] = item->n_id;
        status = dm_session_append(item->session, batch->before, batch->n_before, error);
    }
    if (!status)
        status = dm_append_many(batch->sessions, batch->n, batch->texts, batch->counts, error);
    for (size_t i = 0; i < batch->n && !status; i++) {
        struct item *item = &batch->items[i];
        dm_sampler *sampler = item->generation.sampler;
        status = dm_sampler_accept(sampler, batch->before, batch->n_before, error);
        if (!status)
            status = dm_sampler_accept(sampler, item->ids, item->n_id, error);
        if (!status && !item->generation.ended)
            status = dm_session_next_logits(item->session,
                                            batch->logits + i * batch->info->vocab_size, error);
    }
    return status;
}

/* A token of each that goes on; what was drawn of n of them is to be read. */
static bool take_turns(struct batch *batch, size_t *n_running, size_t *n) {
    size_t n_left = *n_running;
    *n_running = *n = 0;
    for (size_t i = 0; i < n_left; i++) {
        struct item *item = batch->running[i];
        if (!generation_turn(&item->generation, batch->logits + i * batch->info->vocab_size,
                             &batch->next[*n]))
            return false;
        if (item->generation.ended)
            continue; /* nobody asks what follows its last token */
        batch->sessions[*n] = item->session;
        batch->running[(*n)++] = item;
    }
    *n_running = *n;
    return true;
}

static bool continue_prompts(struct batch *batch) {
    dm_error error;
    size_t n_running = 0, n;
    for (size_t i = 0; i < batch->n; i++)
        if (!batch->items[i].generation.ended)
            batch->running[n_running++] = &batch->items[i];
    while (n_running) {
        if (!take_turns(batch, &n_running, &n))
            return false;
        if (n && dm_step_many(batch->sessions, n, batch->next, batch->logits, &error))
            return fail("%s", error.message);
    }
    return true;
}

static bool print_items(struct batch *batch) {
    for (size_t i = 0; i < batch->n; i++) {
        struct item *item = &batch->items[i];
        if (!generation_finish(&item->generation))
            return false;
        json_t *line = json_pack("{sO}", "id", item->id);
        json_t *answer = generate_answer_json(&item->answer, batch->n_before + item->n_id);
        bool fine = line && answer && !json_object_update(line, answer);
        json_decref(answer);
        if (!fine)
            json_decref(line);
        if (!print_json(fine ? line : NULL))
            return false;
    }
    return true;
}

/* False after a fault, or an interrupt before anything was drawn. */
static bool run_group(struct batch *batch) {
    dm_error error;
    dm_status status = read_prompts(batch, &error);
    if (status)
        return status == DM_CANCELLED ? false : fail("%s", error.message);
    return continue_prompts(batch);
}

static bool run_all(struct batch *batch) {
    struct progress progress;
    size_t n_done = 0, n_read = 0, n_drawn = 0;
    double started = seconds_now();
    bool fine = true;
    progress_start(&progress, "generating", 0);
    progress.unit = "prompts";
    while (fine && !interrupted() && (fine = take_lines(batch)) && batch->n) {
        fine = run_group(batch);
        progress_clear(&progress);
        fine = fine && print_items(batch);
        for (size_t i = 0; i < batch->n; i++) {
            n_read += batch->n_before + batch->items[i].n_id;
            n_drawn += batch->items[i].generation.n_id;
        }
        progress_update(&progress, n_done += batch->n);
        free_items(batch);
    }
    progress_clear(&progress);
    if (fine && isatty(STDERR_FILENO))
        complain("%zu prompts of %zu tokens, %zu tokens generated in %.1f s", n_done, n_read,
                 n_drawn, seconds_now() - started);
    return fine || interrupted();
}

bool generate_batch(struct generate_settings *settings, dm_model *model, const dm_model_info *info,
                    const dm_tokenizer *tokenizer) {
    struct batch batch = {
        .settings = settings, .model = model, .info = info, .tokenizer = tokenizer};
    dm_error error;
    if (!method_flags_resolve(&settings->method, model, &batch.method))
        return false;
    if (json_lines_open(&batch.lines, settings->batch, &error))
        return fail("%s", error.message);
    dm_tokenizer_template(tokenizer, &batch.before, &batch.n_before, NULL, NULL);
    catch_interrupt("the prompts at hand");
    bool fine = allocate(&batch) && run_all(&batch);
    release(&batch);
    json_lines_close(&batch.lines);
    return fine;
}
