#include "passkey.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "draw.h"

enum { key_length = passkey_key_length, piece_length = 2048 };

static dm_status fail_memory(dm_error *error) {
    error->status = DM_ERROR_MEMORY;
    snprintf(error->message, sizeof error->message, "memory is short for the prompts");
    return error->status;
}

static dm_status refuse(dm_error *error, size_t length, const char *what, size_t n) {
    error->status = DM_ERROR_ARGUMENT;
    snprintf(error->message, sizeof error->message, "a prompt of %zu tokens: %s %zu", length, what,
             n);
    return error->status;
}

/* The parts of a prompt that are not noise. */
enum { part_question, part_fact, part_answer, n_part };
struct parts {
    int32_t *ids[n_part];
    size_t n_id[n_part];
};

static void free_parts(struct parts *parts) {
    for (int i = 0; i < n_part; i++)
        dm_free(parts->ids[i]);
}

static dm_status encode_parts(const dm_tokenizer *tokenizer, const char *key, struct parts *parts,
                              dm_error *error) {
    char fact[96];
    snprintf(fact, sizeof fact, " The pass key is %s. Remember it. %s is the pass key. ", key, key);
    const char *texts[n_part] = {"Find the pass key:\n", fact, "\nAnswer: "};
    *parts = (struct parts){0};
    for (int i = 0; i < n_part; i++) {
        dm_status status = dm_tokenizer_encode(tokenizer, texts[i], strlen(texts[i]),
                                               &parts->ids[i], &parts->n_id[i], error);
        if (status) {
            free_parts(parts);
            return status;
        }
    }
    return DM_OK;
}

static size_t count_parts(const struct parts *parts) {
    return parts->n_id[part_question] + parts->n_id[part_fact] + parts->n_id[part_answer];
}

dm_status passkey_draw(const struct passkey_task *task, size_t length, double depth, size_t number,
                       struct passkey_prompt *prompt, dm_error *error) {
    uint64_t state = task->seed;
    draw_bits(&state, length);
    draw_bits(&state, (uint64_t)(depth * 1e6 + 0.5));
    draw_bits(&state, number);
    *prompt = (struct passkey_prompt){.length = length, .depth = depth, .number = number};
    snprintf(prompt->key, sizeof prompt->key, "%05u", (unsigned)(draw_bits(&state, 1) % 100000));

    struct parts parts;
    dm_status status = encode_parts(task->tokenizer, prompt->key, &parts, error);
    if (status)
        return status;
    size_t n_fixed = count_parts(&parts);
    free_parts(&parts);
    size_t n_noise = length - n_fixed;
    if (length < n_fixed)
        return refuse(error, length, "question, fact and answer alone take", n_fixed);
    if (n_noise > task->n_text)
        return refuse(error, length, "the text is too short, with", task->n_text);
    prompt->start = (size_t)(draw_bits(&state, 2) % (task->n_text - n_noise + 1));
    return DM_OK;
}

dm_status passkey_build(const struct passkey_task *task, const struct passkey_prompt *prompt,
                        int32_t *ids, struct passkey_fact *fact, dm_error *error) {
    struct parts parts;
    dm_status status = encode_parts(task->tokenizer, prompt->key, &parts, error);
    if (status)
        return status;
    size_t n_noise = prompt->length - count_parts(&parts);
    size_t n_before = (size_t)(prompt->depth * (double)n_noise + 0.5);
    *fact = (struct passkey_fact){parts.n_id[part_question] + n_before, parts.n_id[part_fact]};
    const int32_t *noise = task->text + prompt->start;
    const struct {
        const int32_t *ids;
        size_t n;
    } runs[] = {{parts.ids[part_question], parts.n_id[part_question]},
                {noise, n_before},
                {parts.ids[part_fact], parts.n_id[part_fact]},
                {noise + n_before, n_noise - n_before},
                {parts.ids[part_answer], parts.n_id[part_answer]}};
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        if (runs[i].n)
            memcpy(ids, runs[i].ids, runs[i].n * sizeof *ids);
        ids += runs[i].n;
    }
    free_parts(&parts);
    return DM_OK;
}

/* Everything that a batch needs while it runs: one row of each for a prompt. */
struct rows {
    size_t n_new;           /* tokens in an answer */
    int32_t *prompts;       /* [n, length] */
    int32_t *answers;       /* [n, n_new] */
    int32_t *next;          /* [n] */
    float *logits;          /* [n, vocab_size] */
    const int32_t **pieces; /* [n] */
    size_t *n_piece;        /* [n] */
};

static dm_status append_prompts(const struct passkey_batch *batch, const struct rows *rows,
                                dm_error *error) {
    size_t length = batch->prompts[0].length;
    for (size_t read = 0; read < length; read += piece_length) {
        size_t n = length - read < piece_length ? length - read : piece_length;
        for (size_t i = 0; i < batch->n; i++) {
            rows->pieces[i] = rows->prompts + i * length + read;
            rows->n_piece[i] = n;
        }
        dm_status status =
            dm_append_many(batch->sessions, batch->n, rows->pieces, rows->n_piece, error);
        if (status)
            return status;
        batch->progress((read + n) * batch->n, batch->user);
    }
    return DM_OK;
}

static int32_t best_id(const float *logits, size_t n) {
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (logits[i] > logits[best])
            best = i;
    return (int32_t)best;
}

static dm_status generate(const struct passkey_task *task, const struct passkey_batch *batch,
                          const struct rows *rows, dm_error *error) {
    size_t vocab_size = batch->vocab_size, n_known = dm_tokenizer_vocab_size(task->tokenizer);
    size_t n_allowed = n_known < vocab_size ? n_known : vocab_size;
    dm_status status = DM_OK;
    for (size_t i = 0; !status && i < batch->n; i++)
        status = dm_session_logits(batch->sessions[i], 1, rows->logits + i * vocab_size, error);
    for (size_t t = 0; !status && t < rows->n_new; t++) {
        for (size_t i = 0; i < batch->n; i++) {
            rows->next[i] = best_id(rows->logits + i * vocab_size, n_allowed);
            rows->answers[i * rows->n_new + t] = rows->next[i];
        }
        if (t + 1 < rows->n_new)
            status = dm_step_many(batch->sessions, batch->n, rows->next, rows->logits, error);
    }
    return status;
}

static dm_status judge(const struct passkey_task *task, const int32_t *answer, size_t n_new,
                       struct passkey_prompt *prompt, dm_error *error) {
    char *text;
    size_t n_byte;
    dm_status status =
        dm_tokenizer_decode(task->tokenizer, answer, n_new, 1, &text, &n_byte, error);
    if (status)
        return status;
    snprintf(prompt->answer, sizeof prompt->answer, "%s", text);
    prompt->right = n_byte == key_length && !memcmp(text, prompt->key, key_length);
    dm_free(text);
    return DM_OK;
}

static dm_status run(const struct passkey_task *task, const struct passkey_batch *batch,
                     const struct rows *rows, dm_error *error) {
    dm_status status = DM_OK;
    size_t length = batch->prompts[0].length;
    struct passkey_fact fact;
    for (size_t i = 0; !status && i < batch->n; i++) {
        dm_session_reset(batch->sessions[i]);
        status = passkey_build(task, &batch->prompts[i], rows->prompts + i * length, &fact, error);
    }
    if (!status)
        status = append_prompts(batch, rows, error);
    if (!status)
        status = generate(task, batch, rows, error);
    for (size_t i = 0; !status && i < batch->n; i++)
        status =
            judge(task, rows->answers + i * rows->n_new, rows->n_new, &batch->prompts[i], error);
    return status;
}

dm_status passkey_answer(const struct passkey_task *task, const struct passkey_batch *batch,
                         dm_error *error) {
    int32_t *key;
    struct rows rows = {0};
    size_t n = batch->n;
    /* an answer has as many tokens as a key */
    dm_status status = dm_tokenizer_encode(task->tokenizer, batch->prompts[0].key, key_length, &key,
                                           &rows.n_new, error);
    if (status)
        return status;
    dm_free(key);
    rows.prompts = calloc(n, batch->prompts[0].length * sizeof *rows.prompts);
    rows.answers = calloc(n, rows.n_new * sizeof *rows.answers);
    rows.next = calloc(n, sizeof *rows.next);
    rows.logits = calloc(n, batch->vocab_size * sizeof *rows.logits);
    rows.pieces = calloc(n, sizeof *rows.pieces);
    rows.n_piece = calloc(n, sizeof *rows.n_piece);
    bool whole =
        rows.prompts && rows.answers && rows.next && rows.logits && rows.pieces && rows.n_piece;
    status = whole ? run(task, batch, &rows, error) : fail_memory(error);
    free(rows.prompts);
    free(rows.answers);
    free(rows.next);
    free(rows.logits);
    free(rows.pieces);
    free(rows.n_piece);
    return status;
}
