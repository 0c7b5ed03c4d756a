#include "rouge.h"

#include <stdlib.h>

#include "words.h"

struct sentence {
    size_t first, n; /* of the text's words */
};

struct summary {
    struct words words;
    struct sentence *sentences; /* [n_sentence] */
    size_t n_sentence;
};

/* What is between two points: its words, or one empty word where it is white space alone. Between
 * points side by side is nothing. */
static bool add_sentence(struct summary *summary, const int32_t *at, size_t n) {
    struct words words;
    if (!n)
        return true;
    if (!words_split(&(struct code_points){(int32_t *)at, n}, &words))
        return false;
    size_t n_word = words.n ? words.n : 1; /* a zeroed item is an empty word */
    for (size_t i = 0; i < n_word; i++)
        summary->words.items[summary->words.n + i] = words.items[i];
    summary->sentences[summary->n_sentence++] = (struct sentence){summary->words.n, n_word};
    summary->words.n += n_word;
    free(words.items);
    return true;
}

static bool read_summary(const struct code_points *text, struct summary *summary) {
    /* a word, or a sentence, takes a code point of its own */
    *summary = (struct summary){
        .words.items = calloc(text->n + 1, sizeof *summary->words.items),
        .sentences = calloc(text->n + 1, sizeof *summary->sentences),
    };
    bool ok = summary->words.items && summary->sentences;
    for (size_t first = 0, i = 0; ok && i <= text->n; i++)
        if (i == text->n || text->at[i] == '.') {
            ok = add_sentence(summary, text->at + first, i - first);
            first = i + 1;
        }
    return ok;
}

static void free_summary(struct summary *summary) {
    free(summary->words.items);
    free(summary->sentences);
}

/* Marks the numbers of the words of one longest common subsequence: of several the one that is
 * found going back from both ends, by equal words first, then by the answer's. */
static bool mark_common(const struct word *gold, size_t n_gold, const struct word *answer,
                        size_t n_answer, bool *common) {
    size_t width = n_answer + 1;
    if (n_gold + 1 > SIZE_MAX / width)
        return false;
    size_t *longest =
        calloc((n_gold + 1) * width, sizeof *longest); /* of the first i and j words */
    if (!longest)
        return false;
    for (size_t i = 1; i <= n_gold; i++)
        for (size_t j = 1; j <= n_answer; j++) {
            size_t up = longest[(i - 1) * width + j], left = longest[i * width + j - 1];
            longest[i * width + j] = gold[i - 1].number == answer[j - 1].number
                                         ? longest[(i - 1) * width + j - 1] + 1
                                     : up > left ? up
                                                 : left;
        }
    for (size_t i = n_gold, j = n_answer; i && j;) {
        if (gold[i - 1].number == answer[j - 1].number) {
            common[gold[i - 1].number] = true;
            i--, j--;
        } else if (longest[(i - 1) * width + j] > longest[i * width + j - 1]) {
            i--;
        } else {
            j--;
        }
    }
    free(longest);
    return true;
}

static size_t count_marks(const bool *marks, size_t n) {
    size_t n_mark = 0;
    for (size_t i = 0; i < n; i++)
        n_mark += marks[i];
    return n_mark;
}

/* `marks` [n] are false, and will be again. */
static size_t count_distinct(const struct words *words, bool *marks, size_t n) {
    for (size_t i = 0; i < words->n; i++)
        marks[words->items[i].number] = true;
    size_t n_distinct = count_marks(marks, n);
    for (size_t i = 0; i < n; i++)
        marks[i] = false;
    return n_distinct;
}

static bool compare(struct summary *answer, struct summary *gold, double *score) {
    size_t n = words_number(&answer->words, &gold->words);
    bool *marks = n == SIZE_MAX ? NULL : calloc(n, sizeof *marks);
    if (!marks)
        return false;
    double n_answer = (double)count_distinct(&answer->words, marks, n);
    double n_gold = (double)count_distinct(&gold->words, marks, n);
    bool ok = true;
    for (size_t i = 0; ok && i < gold->n_sentence; i++)
        for (size_t j = 0; ok && j < answer->n_sentence; j++)
            ok = mark_common(gold->words.items + gold->sentences[i].first, gold->sentences[i].n,
                             answer->words.items + answer->sentences[j].first,
                             answer->sentences[j].n, marks);
    double n_common = (double)count_marks(marks, n);
    double precision = n_common / n_answer, recall = n_common / n_gold;
    *score = 2 * (precision * recall / (precision + recall + 1e-8));
    free(marks);
    return ok;
}

bool rouge_l(const struct code_points *answer, const struct code_points *gold, double *score) {
    struct summary a = {0}, g = {0};
    bool ok = read_summary(answer, &a) && read_summary(gold, &g);
    if (ok && a.n_sentence && g.n_sentence)
        ok = compare(&a, &g, score);
    else
        *score = 0;
    free_summary(&a);
    free_summary(&g);
    return ok;
}
