#include "task_run.h"
#include "base/grow.h"
#include "base/status.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { piece_length = 2048 }; /* tokens of each prompt that are read together */

/* The answer to a prompt, while it is generated. */
struct answer {
    dm_decoder *decoder;
    char *text; /* n bytes, and a NUL */
    size_t n, capacity;
    int32_t next; /* the token that comes next */
    bool begun, ended;
};

/* A running batch. All arrays have an element for each prompt. */
struct batch {
    const struct task_run *run;
    size_t n;
    const size_t *numbers;
    struct task_prompt *prompts;
    struct answer *answers;
    dm_session **sessions;
    const int32_t **pieces;
    size_t *n_piece;
    dm_session **active; /* the sessions of one call, */
    size_t *rows;        /* and their prompts */
    int32_t *next;
    int32_t line_break;     /* the token; -1: there is none */
    float *logits;          /* [n, vocab_size], or [n_scored + 1, vocab_size] */
    size_t n_read, n_token; /* of n_token */
};

static dm_status append_text(struct answer *answer, const char *text, size_t n_byte,
                             dm_error *error) {
    char *room = dm_grow(answer->text, answer->n, n_byte + 1, &answer->capacity, 1);
    if (!room)
        return dm_fail_memory(error, "the prompts");
    answer->text = room;
    memcpy(answer->text + answer->n, text, n_byte);
    answer->n += n_byte;
    answer->text[answer->n] = 0;
    return DM_OK;
}

/* Cuts the answer before `stop`, which may begin anywhere in the last n_new bytes. */
static void cut(struct answer *answer, const char *stop, size_t n_new) {
    size_t n_stop = strlen(stop), back = n_new + n_stop - 1;
    size_t from = answer->n > back ? answer->n - back : 0;
    for (size_t i = from; n_stop <= answer->n && i <= answer->n - n_stop; i++)
        if (!memcmp(answer->text + i, stop, n_stop)) {
            answer->n = i;
            answer->text[i] = 0;
            answer->ended = true;
            return;
        }
}

static dm_status finish_answer(struct answer *answer, const char *stop, dm_error *error) {
    const char *text;
    size_t n_byte;
    dm_status status = dm_decoder_finish(answer->decoder, &text, &n_byte, error);
    if (!status)
        status = append_text(answer, text, n_byte, error);
    if (!status && stop)
        cut(answer, stop, n_byte);
    answer->ended = true;
    return status;
}

/* The token with the largest logit, the lowest id of equal ones. */
static int32_t best_id(const float *logits, size_t n) {
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (logits[i] > logits[best])
            best = i;
    return (int32_t)best;
}

static bool is_stop(const struct task_run *run, int32_t id) {
    for (size_t i = 0; i < run->n_stop; i++)
        if (run->stops[i] == id)
            return true;
    return false;
}

/* The token that "\n" ends with, where a prompt asks for one line. */
static dm_status find_line_break(struct batch *batch, dm_error *error) {
    int32_t *ids;
    size_t n_id;
    bool needed = false;
    batch->line_break = -1;
    for (size_t i = 0; i < batch->n; i++)
        needed |= batch->prompts[i].one_line;
    if (!needed)
        return DM_OK;
    dm_status status = dm_tokenizer_encode(batch->run->tokenizer, "\n", 1, &ids, &n_id, error);
    if (status)
        return status;
    if (n_id)
        batch->line_break = ids[n_id - 1];
    dm_free(ids);
    return DM_OK;
}

static bool is_end(const struct batch *batch, size_t i, int32_t id) {
    return is_stop(batch->run, id) || (batch->prompts[i].one_line && id == batch->line_break);
}

/* Takes the next token of prompt i from its logits, which may change. */
static dm_status take_token(struct batch *batch, size_t i, float *logits, dm_error *error) {
    const struct task_run *run = batch->run;
    size_t n_known = dm_tokenizer_vocab_size(run->tokenizer);
    struct answer *answer = &batch->answers[i];
    const char *stop = batch->prompts[i].stop, *text;
    size_t n_byte;
    size_t n_allowed = n_known < run->vocab_size ? n_known : run->vocab_size;
    if (batch->prompts[i].one_line && !answer->begun)
        for (size_t id = 0; id < n_allowed; id++)
            if (is_end(batch, i, (int32_t)id))
                logits[id] = -INFINITY;
    answer->begun = true;
    answer->next = best_id(logits, n_allowed);
    if (is_end(batch, i, answer->next))
        return finish_answer(answer, stop, error);
    dm_status status = dm_decoder_push(answer->decoder, answer->next, &text, &n_byte, error);
    if (!status)
        status = append_text(answer, text, n_byte, error);
    if (!status && stop)
        cut(answer, stop, n_byte);
    return status;
}

static dm_status generate(struct batch *batch, dm_error *error) {
    const struct task_run *run = batch->run;
    dm_status status = find_line_break(batch, error);
    for (size_t i = 0; !status && i < batch->n; i++) {
        status = dm_decoder_new(run->tokenizer, 0, &batch->answers[i].decoder, error);
        if (!status)
            status = append_text(&batch->answers[i], "", 0, error);
        if (!status)
            status = dm_session_logits(batch->sessions[i], 1, batch->logits, error);
        if (!status)
            status = take_token(batch, i, batch->logits, error);
    }
    for (size_t t = 1, n_active = 1; !status && n_active; t++) {
        n_active = 0;
        for (size_t i = 0; !status && i < batch->n; i++) {
            struct answer *answer = &batch->answers[i];
            if (!answer->ended && t >= batch->prompts[i].n_new)
                status = finish_answer(answer, batch->prompts[i].stop, error);
            if (answer->ended)
                continue;
            batch->active[n_active] = batch->sessions[i];
            batch->next[n_active] = answer->next;
            batch->rows[n_active++] = i;
        }
        if (!status && n_active)
            status = dm_step_many(batch->active, n_active, batch->next, batch->logits, error);
        for (size_t k = 0; !status && k < n_active; k++)
            status = take_token(batch, batch->rows[k], batch->logits + k * run->vocab_size, error);
    }
    return status;
}

/* The mean loss of the last n_scored tokens: row t of the logits predicts the token after it. */
static dm_status score_losses(struct batch *batch, size_t i, double *score, dm_error *error) {
    const struct task_prompt *prompt = &batch->prompts[i];
    size_t vocab_size = batch->run->vocab_size, n = prompt->n_scored;
    const int32_t *targets = prompt->ids + prompt->n_id - n;
    dm_status status = dm_session_logits(batch->sessions[i], n + 1, batch->logits, error);
    if (status)
        return status;
    double sum = 0;
    for (size_t t = 0; t < n; t++)
        sum += dm_negative_log_likelihood(batch->logits + t * vocab_size, vocab_size, targets[t]);
    *score = sum / (double)n;
    return DM_OK;
}

/* Collects the next piece of each prompt that has more; returns how many. */
static size_t next_pieces(struct batch *batch, size_t from) {
    size_t n_active = 0;
    for (size_t i = 0; i < batch->n; i++) {
        const struct task_prompt *prompt = &batch->prompts[i];
        if (from >= prompt->n_id)
            continue;
        size_t rest = prompt->n_id - from;
        batch->active[n_active] = batch->sessions[i];
        batch->pieces[n_active] = prompt->ids + from;
        batch->n_piece[n_active] = rest < piece_length ? rest : piece_length;
        batch->n_read += batch->n_piece[n_active++];
    }
    return n_active;
}

static dm_status read_prompts(struct batch *batch, dm_error *error) {
    const struct task_run *run = batch->run;
    size_t n_active;
    for (size_t from = 0; (n_active = next_pieces(batch, from)); from += piece_length) {
        dm_status status =
            dm_append_many(batch->active, n_active, batch->pieces, batch->n_piece, error);
        if (status)
            return status;
        if (run->progress)
            run->progress(batch->n_read, batch->n_token, run->user);
    }
    return DM_OK;
}

/* The sessions of one append must have the same settings. */
static dm_status open_sessions(struct batch *batch, dm_error *error) {
    const struct task_run *run = batch->run;
    dm_method_options method = *run->method;
    dm_status status = DM_OK;
    if (!run->keep_tail_given)
        method.keep_tail = batch->prompts[0].keep_tail;
    for (size_t i = 0; !status && i < batch->n; i++)
        status = dm_session_new(run->model, &method, &batch->sessions[i], error);
    return status;
}

static dm_status judge(struct batch *batch, struct task_outcome *outcomes, dm_error *error) {
    const struct task *task = batch->run->task;
    dm_status status = DM_OK;
    for (size_t i = 0; !status && i < batch->n; i++) {
        struct answer *answer = &batch->answers[i];
        outcomes[i] = (struct task_outcome){.n_token = batch->prompts[i].n_id};
        status = batch->prompts[i].n_new ? task->judge(task, batch->numbers[i], answer->text,
                                                       answer->n, &outcomes[i].score, error)
                                         : score_losses(batch, i, &outcomes[i].score, error);
    }
    for (size_t i = 0; !status && i < batch->n; i++) {
        outcomes[i].answer = batch->answers[i].text;
        outcomes[i].n_answer = batch->answers[i].n;
        batch->answers[i].text = NULL;
    }
    return status;
}

/* Room for the logits of all prompts' next tokens, or of one prompt's scored ones. */
static dm_status make_logits(struct batch *batch, dm_error *error) {
    size_t n_row = batch->n, n;
    for (size_t i = 0; i < batch->n; i++)
        if (batch->prompts[i].n_scored >= n_row)
            n_row = batch->prompts[i].n_scored + 1;
    if (__builtin_mul_overflow(n_row, batch->run->vocab_size, &n))
        return dm_fail_memory(error, "the prompts");
    batch->logits = calloc(n, sizeof *batch->logits);
    return batch->logits ? DM_OK : dm_fail_memory(error, "the prompts");
}

static dm_status answer_batch(struct batch *batch, struct task_outcome *outcomes, dm_error *error) {
    dm_status status = make_logits(batch, error);
    if (!status)
        status = open_sessions(batch, error);
    if (!status)
        status = read_prompts(batch, error);
    if (!status && batch->prompts[0].n_new)
        status = generate(batch, error);
    return status ? status : judge(batch, outcomes, error);
}

/* A prompt to be answered is a whole text: it begins with what the tokenizer puts before one. */
static dm_status begin_prompt(const struct task_run *run, struct task_prompt *prompt,
                              dm_error *error) {
    const int32_t *before;
    size_t n;
    dm_tokenizer_template(run->tokenizer, &before, &n, NULL, NULL);
    if (!prompt->n_new || !n)
        return DM_OK;
    int32_t *ids = calloc(n + prompt->n_id, sizeof *ids);
    if (!ids)
        return dm_fail_memory(error, "the prompts");
    memcpy(ids, before, n * sizeof *ids);
    memcpy(ids + n, prompt->ids, prompt->n_id * sizeof *ids);
    free(prompt->ids);
    prompt->ids = ids;
    prompt->n_id += n;
    return DM_OK;
}

static dm_status build_prompts(struct batch *batch, dm_error *error) {
    const struct task *task = batch->run->task;
    dm_status status = DM_OK;
    for (size_t i = 0; !status && i < batch->n; i++) {
        status = task->build(task, batch->numbers[i], &batch->prompts[i], error);
        if (!status)
            status = begin_prompt(batch->run, &batch->prompts[i], error);
        batch->n_token += batch->prompts[i].n_id;
    }
    return status;
}

static bool batch_init(struct batch *batch, const struct task_run *run, const size_t *numbers,
                       size_t n) {
    *batch = (struct batch){
        .run = run,
        .n = n,
        .numbers = numbers,
        .prompts = calloc(n, sizeof *batch->prompts),
        .answers = calloc(n, sizeof *batch->answers),
        .sessions = calloc(n, sizeof *batch->sessions),
        .pieces = calloc(n, sizeof *batch->pieces),
        .n_piece = calloc(n, sizeof *batch->n_piece),
        .active = calloc(n, sizeof *batch->active),
        .rows = calloc(n, sizeof *batch->rows),
        .next = calloc(n, sizeof *batch->next),
    };
    return batch->prompts && batch->answers && batch->sessions && batch->pieces && batch->n_piece &&
           batch->active && batch->rows && batch->next;
}

static void batch_free(struct batch *batch) {
    for (size_t i = 0; batch->prompts && i < batch->n; i++)
        free(batch->prompts[i].ids);
    for (size_t i = 0; batch->answers && i < batch->n; i++) {
        dm_decoder_free(batch->answers[i].decoder);
        free(batch->answers[i].text);
    }
    for (size_t i = 0; batch->sessions && i < batch->n; i++)
        dm_session_free(batch->sessions[i]);
    free(batch->prompts);
    free(batch->answers);
    free(batch->sessions);
    free(batch->pieces);
    free(batch->n_piece);
    free(batch->active);
    free(batch->rows);
    free(batch->next);
    free(batch->logits);
}

dm_status task_answer(const struct task_run *run, const size_t *prompts, size_t n,
                      struct task_outcome *outcomes, dm_error *error) {
    struct batch batch;
    dm_status status =
        batch_init(&batch, run, prompts, n) ? DM_OK : dm_fail_memory(error, "the prompts");
    if (!status)
        status = build_prompts(&batch, error);
    if (!status)
        status = answer_batch(&batch, outcomes, error);
    batch_free(&batch);
    return status;
}
