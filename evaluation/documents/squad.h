/* SQuAD, versions 1.1 and 2.0 (Rajpurkar et al. 2016, 2018): questions about paragraphs of
 * Wikipedia, with their answers.
 *
 *     {"data": [{"paragraphs": [{"context": TEXT, "qas": [{"question": TEXT, "id": TEXT,
 *         "is_impossible": false, "answers": [{"text": TEXT}, ...]}, ...]}, ...]}, ...]}
 *
 * or rows as Hugging Face's datasets have them, one a line or in a list:
 *
 *     {"context": TEXT, "question": TEXT, "id": TEXT, "answers": {"text": [TEXT, ...]}}
 *
 * What else a file holds is passed over. */
#ifndef DECIMAMBA_EVALUATION_SQUAD_H
#define DECIMAMBA_EVALUATION_SQUAD_H

#include <jansson.h>
#include <stddef.h>

#include "decimamba.h"

struct squad_question {
    const char *text;
    const char *id;        /* NULL: it has none */
    size_t paragraph;      /* that holds its answer */
    const json_t *answers; /* a list: see squad_answer */
};

/* Texts are UTF-8 and end with a NUL. */
struct squad {
    char *path;              /* of the file, for messages */
    const char **paragraphs; /* [n_paragraph], no two of them equal */
    size_t n_paragraph;
    struct squad_question *questions; /* [n_question], those that have an answer */
    size_t n_question;
    json_t *file; /* where the texts live */
};

/* Reads the file. Questions that are impossible, or have no answer, are left out; a paragraph that
 * occurs twice is there once. An error names the line of bad JSON or of a bad row, or the place of
 * what is missing: "FILE: data[3].paragraphs[2].qas[1]: key 'question' is missing". */
dm_status squad_read(const char *path, struct squad **squad, dm_error *error);
void squad_free(struct squad *squad);

static inline size_t squad_answer_count(const struct squad_question *question) {
    return json_array_size(question->answers);
}
/* Answer i, i < squad_answer_count: answers are what several people found right. */
const char *squad_answer(const struct squad_question *question, size_t i);

/* The file that `path` stands for: itself, or in a folder squad/dev-v2.0.json or dev-v2.0.json.
 * `*found` is to be freed. */
dm_status squad_find(const char *path, char **found, dm_error *error);

#endif
