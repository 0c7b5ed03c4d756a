#include "documents.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "draw.h"
#include "metrics/answer_metrics.h"

enum { retrieval_new = 10, qa_new = 32 }; /* tokens of an answer */

enum purpose { FOR_QUESTION = 1, FOR_FIFTH, FOR_PROMPT };

static const char *const fifth_names[document_fifths] = {"0-20%", "20-40%", "40-60%", "60-80%",
                                                         "80-100%"};
static const double fifth_values[document_fifths] = {0.1, 0.3, 0.5, 0.7, 0.9};

/* The random state of draw `number` for a purpose. */
static uint64_t state_for(const struct documents_options *options, enum purpose purpose,
                          size_t count, size_t number) {
    uint64_t bits = options->seed;
    draw_bits(&bits, purpose);
    draw_bits(&bits, count);
    return draw_bits(&bits, number);
}

static size_t count_of(const struct task *task, size_t column) {
    return (size_t)task->columns.values[column];
}

static void cell_of(const struct task *task, size_t i, size_t *column, size_t *row) {
    const struct documents_options *options = task->data;
    size_t q = i % options->n_question;
    *column = i / options->n_question;
    uint64_t key = state_for(options, FOR_FIFTH, count_of(task, *column), q / document_fifths);
    *row = (size_t)draw_shuffled(key, q % document_fifths, document_fifths);
}

static struct document_prompt draw(const struct task *task, size_t i) {
    const struct documents_options *options = task->data;
    size_t column, fifth, q = i % options->n_question;
    cell_of(task, i, &column, &fifth);
    size_t count = count_of(task, column);
    size_t question = (size_t)draw_shuffled(state_for(options, FOR_QUESTION, 0, 0), q,
                                            options->squad->n_question);
    return document_prompt_draw(state_for(options, FOR_PROMPT, count, q), question, count, fifth);
}

static dm_status build(const struct task *task, size_t i, struct task_prompt *prompt,
                       dm_error *error) {
    const struct documents_options *options = task->data;
    bool retrieval = options->kind == DOCUMENT_RETRIEVAL;
    struct document_prompt drawn = draw(task, i);
    int32_t *ids;
    size_t n_id;
    dm_status status = document_prompt_encode(&drawn, options->kind, options->squad,
                                              options->tokenizer, &ids, &n_id, error);
    if (status)
        return status;
    int32_t *copy = calloc(n_id + !n_id, sizeof *copy);
    if (copy)
        memcpy(copy, ids, n_id * sizeof *copy);
    dm_free(ids);
    if (!copy)
        return dm_fail_memory(error, "the documents");
    *prompt = (struct task_prompt){.ids = copy,
                                   .n_id = n_id,
                                   .n_new = retrieval ? retrieval_new : qa_new,
                                   .keep_tail = 1,
                                   .stop = retrieval ? "|>" : "\n"};
    return DM_OK;
}

static dm_status judge_retrieval(const struct task *task, size_t i, const char *answer,
                                 size_t n_byte, double *score, dm_error *error) {
    struct document_prompt prompt = draw(task, i);
    char id[24];
    (void)error;
    int n = snprintf(id, sizeof id, "%zu", document_golden_id(&prompt));
    *score = n_byte == (size_t)n && !memcmp(answer, id, n_byte);
    return DM_OK;
}

static dm_status judge_qa(const struct task *task, size_t i, const char *answer, size_t n_byte,
                          double *score, dm_error *error) {
    const struct documents_options *options = task->data;
    const struct squad_question *question = &options->squad->questions[draw(task, i).question];
    size_t n = squad_answer_count(question);
    struct utf8 *answers = calloc(n, sizeof *answers);
    if (!answers)
        return dm_fail_memory(error, "the documents");
    for (size_t k = 0; k < n; k++) {
        const char *text = squad_answer(question, k);
        answers[k] = (struct utf8){text, strlen(text)};
    }
    bool ok = answer_score(METRIC_SQUAD_F1, &(struct utf8){answer, n_byte},
                           &(struct gold_answers){.answers = answers, .n_answer = n}, score);
    free(answers);
    return ok ? DM_OK : dm_fail_memory(error, "the documents");
}

/* The golden document's place (from 0) and number, the question, and QA's right answers. */
static bool describe(const struct task *task, size_t i, json_t *object) {
    const struct documents_options *options = task->data;
    struct document_prompt prompt = draw(task, i);
    const struct squad_question *question = &options->squad->questions[prompt.question];
    json_t *answers = json_array();
    for (size_t k = 0; k < squad_answer_count(question); k++)
        json_array_append_new(answers, json_string(squad_answer(question, k)));
    bool ok =
        json_array_size(answers) == squad_answer_count(question) &&
        !json_object_set_new(object, "question", json_string(question->text)) &&
        (!question->id || !json_object_set_new(object, "question_id", json_string(question->id))) &&
        !json_object_set_new(object, "golden_place",
                             json_integer((json_int_t)document_golden_place(&prompt))) &&
        !json_object_set_new(object, "golden_document",
                             json_integer((json_int_t)document_golden_id(&prompt))) &&
        (options->kind == DOCUMENT_RETRIEVAL || !json_object_set(object, "answers", answers));
    json_decref(answers);
    return ok;
}

static void free_task(struct task *task) {
    task_axis_free(&task->columns);
    free(task->data);
    free(task);
}

static dm_status refuse(dm_error *error, const char *file, size_t there, const char *what,
                        size_t wanted) {
    return dm_fail(error, DM_ERROR_ARGUMENT, "%.200s: %zu %s are too few for %zu", file, there,
                   what, wanted);
}

static dm_status check(const struct documents_options *options, dm_error *error) {
    const struct squad *squad = options->squad;
    if (options->n_question > squad->n_question)
        return refuse(error, squad->path, squad->n_question, "questions with an answer",
                      options->n_question);
    for (size_t i = 0; i < options->n_count; i++) {
        if (!options->counts[i] || options->counts[i] > max_documents) {
            return dm_fail(error, DM_ERROR_ARGUMENT, "%zu documents: a prompt has 1 to %d of them",
                           options->counts[i], max_documents);
        }
        if (options->counts[i] > squad->n_paragraph)
            return refuse(error, squad->path, squad->n_paragraph, "paragraphs", options->counts[i]);
    }
    return DM_OK;
}

dm_status documents_task_new(const struct documents_options *options, struct task **task,
                             dm_error *error) {
    bool retrieval = options->kind == DOCUMENT_RETRIEVAL;
    dm_status status = check(options, error);
    if (status)
        return status;
    const struct task filled = {.name = retrieval ? "retrieval" : "multidoc-qa",
                                .measure = retrieval ? TASK_RIGHT : TASK_SCORE,
                                .rows = {.name = "golden at",
                                         .n = document_fifths,
                                         .names = fifth_names,
                                         .values = fifth_values},
                                .n_prompt = options->n_count * options->n_question,
                                .cell_of = cell_of,
                                .build = build,
                                .judge = retrieval ? judge_retrieval : judge_qa,
                                .describe = describe,
                                .free = free_task};
    struct task *made = task_new(&filled, sizeof *options);
    if (!made)
        return dm_fail_memory(error, "the documents");
    *(struct documents_options *)made->data = *options;
    if (!task_axis_sizes(&made->columns, "documents", options->counts, options->n_count)) {
        free_task(made);
        return dm_fail_memory(error, "the documents");
    }
    *task = made;
    return DM_OK;
}
