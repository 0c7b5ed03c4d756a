/* How good an answer is beside gold answers: the metrics of LongBench (as its metrics.py computes
 * them), of SQuAD 2.0, and a part of a string. All work on code points, with Python's classes and lower case. */
#ifndef DECIMAMBA_EVALUATION_METRICS_ANSWER_METRICS_H
#define DECIMAMBA_EVALUATION_METRICS_ANSWER_METRICS_H

#include "code_points.h"

enum answer_metric {
    METRIC_QA_F1,           /* LongBench: F1 of words, normalised (see below); 0 without words */
    METRIC_ROUGE_L,         /* LongBench: see rouge.h */
    METRIC_CLASSIFICATION,  /* LongBench: 1 / number of classes that the answer names, if the gold
                               one is among them. A class inside the gold one's name does not
                               count; of two such side by side in the list, the second does */
    METRIC_RETRIEVAL,       /* LongBench: share of the answer's numbers that are the gold
                               "Paragraph N"'s; 0 without numbers */
    METRIC_COUNT,           /* LongBench: share of the answer's numbers that are the gold answer */
    METRIC_EDIT_SIMILARITY, /* LongBench: of the answer's first line without ` # or //; see
                               edit_similarity.h */
    METRIC_SQUAD_F1,        /* the same F1, but 1 where neither has words */
    METRIC_SQUAD_EXACT,     /* 1 where the normalised words are the same, else 0 */
    METRIC_CONTAINS /* 1 where the gold answer is a part of it, both in lower case, else 0, as
                               RULER (arXiv:2404.06654) matches strings in part */
};

/* Normalised words: lower case, ASCII punctuation and the words a, an, the taken out, split by
 * white space. */

struct gold_answers {
    const struct utf8 *answers; /* [n_answer] >= 1 */
    size_t n_answer;
    const struct utf8 *classes; /* [n_class] in their order; METRIC_CLASSIFICATION only */
    size_t n_class;
};

/* The best score, 0 .. 1, over the gold answers. SQuAD's metrics pass over gold answers without
 * normalised words; where all are so, the right answer has none. False: memory is short. */
bool answer_score(enum answer_metric metric, const struct utf8 *answer,
                  const struct gold_answers *gold, double *score);

/* Whether METRIC_RETRIEVAL finds its "Paragraph N" in a gold answer; without it every score is
 * 0. */
bool retrieval_gold_is_sound(const struct utf8 *gold);

/* The text's first line that is not empty, without its end; empty where there is none. */
struct utf8 first_line(const struct utf8 *text);

#endif
