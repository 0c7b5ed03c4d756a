/* A file in SQuAD's format; by its metrics, a right answer is right. */
#include <string.h>

#include "documents/squad.h"
#include "fuzz.h"
#include "metrics/answer_metrics.h"

enum { max_compared = 64 };

static void touch(const char *text) {
    MUST(text);
    fuzz_touch(text, strlen(text) + 1);
}

/* What the question itself would get as an answer, and what its first answer gets. */
static void check_scores(const struct squad_question *question) {
    const enum answer_metric metrics[] = {METRIC_SQUAD_F1, METRIC_SQUAD_EXACT};
    const char *right = squad_answer(question, 0);
    const struct utf8 asked = {question->text, strlen(question->text)};
    const struct utf8 answer = {right, strlen(right)};
    const struct gold_answers gold = {.answers = &answer, .n_answer = 1};
    for (int i = 0; i < 2; i++) {
        double score = -1;
        MUST(answer_score(metrics[i], &asked, &gold, &score) && score >= 0 && score <= 1);
        MUST(answer_score(metrics[i], &answer, &gold, &score) && score == 1);
    }
}

static void check_question(const struct squad *squad, const struct squad_question *question) {
    touch(question->text);
    if (question->id)
        touch(question->id);
    MUST(question->paragraph < squad->n_paragraph);
    size_t n_answer = squad_answer_count(question);
    MUST(n_answer >= 1);
    for (size_t i = 0; i < n_answer; i++)
        touch(squad_answer(question, i));
    check_scores(question);
}

static void check(const struct squad *squad) {
    MUST(squad->n_paragraph >= 1 && squad->n_question >= 1);
    for (size_t i = 0; i < squad->n_paragraph; i++) {
        touch(squad->paragraphs[i]);
        for (size_t j = 0; j < i && i < max_compared; j++)
            MUST(strcmp(squad->paragraphs[i], squad->paragraphs[j]) != 0);
    }
    for (size_t i = 0; i < squad->n_question; i++)
        check_question(squad, &squad->questions[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct squad *squad = NULL;
    dm_error error = fuzz_error_new();
    dm_status status = squad_read(fuzz_file(data, size), &squad, &error);
    fuzz_check_error(status, &error);
    MUST(!squad == !!status);
    if (!status)
        check(squad);
    squad_free(squad);
    return 0;
}
