#include "answer_metrics.h"

#include <stdlib.h>
#include <string.h>

#include "edit_similarity.h"
#include "rouge.h"
#include "words.h"

/* ---- Pieces of text ---- */

struct utf8 first_line(const struct utf8 *text) {
    const char *at = text->bytes, *end = at + text->n_byte;
    while (at < end && *at == '\n')
        at++;
    const char *stop = memchr(at, '\n', (size_t)(end - at));
    return (struct utf8){at, (size_t)((stop ? stop : end) - at)};
}

static bool equal(const struct utf8 *a, const struct utf8 *b) {
    return a->n_byte == b->n_byte && !memcmp(a->bytes, b->bytes, a->n_byte);
}

/* Bytes tell as much as code points do: in UTF-8 none begins inside another. */
static bool contains(const struct utf8 *text, const struct utf8 *part) {
    for (size_t i = 0; i + part->n_byte <= text->n_byte; i++)
        if (!memcmp(text->bytes + i, part->bytes, part->n_byte))
            return true;
    return false;
}

/* The next run of digits from `from` on; false: none. */
static bool next_number(const struct code_points *text, size_t from, struct code_points *number) {
    while (from < text->n && !code_point_is_digit(text->at[from]))
        from++;
    size_t end = from;
    while (end < text->n && code_point_is_digit(text->at[end]))
        end++;
    *number = (struct code_points){text->at + from, end - from};
    return number->n;
}

static const struct utf8 paragraph = {"Paragraph ", 10};

/* Where the N of the first "Paragraph N" begins; n_byte: there is none. */
static size_t find_paragraph_number(const struct utf8 *text) {
    size_t n_byte;
    for (size_t i = paragraph.n_byte; i < text->n_byte; i++)
        if (!memcmp(text->bytes + i - paragraph.n_byte, paragraph.bytes, paragraph.n_byte) &&
            code_point_is_digit(code_point_at(text, i, &n_byte)))
            return i;
    return text->n_byte;
}

bool retrieval_gold_is_sound(const struct utf8 *gold) {
    return find_paragraph_number(gold) < gold->n_byte;
}

/* ---- Normalised words ---- */

/* Puts spaces in place of the words a, an and the. */
static void blank_articles(struct code_points *text) {
    static const struct {
        size_t n;
        int32_t letters[3];
    } articles[] = {{1, {'a'}}, {2, {'a', 'n'}}, {3, {'t', 'h', 'e'}}};
    for (size_t i = 0; i < text->n;) {
        size_t end = i;
        while (end < text->n && code_point_is_word(text->at[end]))
            end++;
        for (size_t k = 0; k < sizeof articles / sizeof *articles; k++)
            if (end - i == articles[k].n &&
                !memcmp(text->at + i, articles[k].letters, articles[k].n * sizeof *text->at))
                for (size_t j = i; j < end; j++)
                    text->at[j] = ' ';
        i = end + 1;
    }
}

static void drop_punctuation(struct code_points *text) {
    size_t n = 0;
    for (size_t i = 0; i < text->n; i++) {
        int32_t c = text->at[i];
        if (c <= 0 || c >= 0x80 || !strchr("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", c))
            text->at[n++] = c;
    }
    text->n = n;
}

struct normalised {
    struct code_points text;
    struct words words;
};

static bool normalise(const struct utf8 *text, struct normalised *made) {
    *made = (struct normalised){0};
    if (!code_points_new_lower(text, &made->text))
        return false;
    drop_punctuation(&made->text);
    blank_articles(&made->text);
    return words_split(&made->text, &made->words);
}

static void free_normalised(struct normalised *text) {
    free(text->text.at);
    free(text->words.items);
}

/* Words that both have, each as often as in the text that has it less often. */
static bool count_common(const struct words *a, const struct words *b, size_t n_distinct,
                         size_t *n_common) {
    size_t *left = calloc(n_distinct + 1, sizeof *left);
    if (!left)
        return false;
    for (size_t i = 0; i < a->n; i++)
        left[a->items[i].number]++;
    *n_common = 0;
    for (size_t i = 0; i < b->n; i++)
        if (left[b->items[i].number]) {
            left[b->items[i].number]--;
            ++*n_common;
        }
    free(left);
    return true;
}

static bool same_words(const struct words *a, const struct words *b) {
    bool same = a->n == b->n;
    for (size_t i = 0; same && i < a->n; i++)
        same = a->items[i].number == b->items[i].number;
    return same;
}

static bool score_words(enum answer_metric metric, struct words *answer, struct words *gold,
                        double *score) {
    size_t n_distinct = words_number(answer, gold), n_common;
    if (n_distinct == SIZE_MAX || !count_common(answer, gold, n_distinct, &n_common))
        return false;
    if (metric == METRIC_SQUAD_EXACT || (metric == METRIC_SQUAD_F1 && !n_distinct)) {
        *score = same_words(answer, gold);
    } else if (!n_common) {
        *score = 0;
    } else {
        double precision = (double)n_common / (double)answer->n;
        double recall = (double)n_common / (double)gold->n;
        *score = 2 * precision * recall / (precision + recall);
    }
    return true;
}

static bool word_score(enum answer_metric metric, const struct utf8 *answer,
                       const struct utf8 *gold, double *score) {
    struct normalised a = {0}, g = {0};
    bool ok = normalise(answer, &a) && normalise(gold, &g) &&
              score_words(metric, &a.words, &g.words, score);
    free_normalised(&a);
    free_normalised(&g);
    return ok;
}

/* ---- The other metrics ---- */

static bool classification_score(const struct utf8 *answer, const struct utf8 *gold,
                                 const struct gold_answers *all, double *score) {
    const struct utf8 **named = calloc(all->n_class + 1, sizeof *named);
    size_t n = 0, n_gold = 0;
    if (!named)
        return false;
    for (size_t i = 0; i < all->n_class; i++)
        if (contains(answer, &all->classes[i]))
            named[n++] = &all->classes[i];
    /* taking one out moves the next into its place, and i beyond it: so does the official loop */
    for (size_t i = 0; i < n; i++) {
        if (!contains(gold, named[i]) || equal(gold, named[i]))
            continue;
        size_t first = 0;
        while (!equal(named[first], named[i]))
            first++;
        memmove(named + first, named + first + 1, (n - first - 1) * sizeof *named);
        n--;
    }
    for (size_t i = 0; i < n; i++)
        n_gold += equal(named[i], gold);
    *score = n_gold ? 1 / (double)n : 0;
    free(named);
    return true;
}

/* The share of the answer's numbers that are this one, digit by digit. */
static double share_of_number(const struct code_points *answer, const struct code_points *wanted) {
    size_t n = 0, n_right = 0;
    struct code_points number = {answer->at, 0};
    while (next_number(answer, (size_t)(number.at - answer->at) + number.n, &number)) {
        n++;
        n_right += code_points_equal(&number, wanted);
    }
    return n ? (double)n_right / (double)n : 0;
}

static struct utf8 first_line_of_code(const struct utf8 *text) {
    struct utf8 line = first_line(text);
    const char *end = text->bytes + text->n_byte;
    for (;;) {
        const struct utf8 marks[] = {{"`", 1}, {"#", 1}, {"//", 2}};
        if (!contains(&line, &marks[0]) && !contains(&line, &marks[1]) &&
            !contains(&line, &marks[2]))
            return line;
        const char *stop = line.bytes + line.n_byte;
        if (stop == end)
            return (struct utf8){end, 0};
        const char *next = memchr(stop + 1, '\n', (size_t)(end - stop - 1));
        line = (struct utf8){stop + 1, (size_t)((next ? next : end) - stop - 1)};
    }
}

static bool has_part(const struct code_points *text, const struct code_points *part) {
    for (size_t i = 0; i + part->n <= text->n; i++)
        if (!part->n || !memcmp(text->at + i, part->at, part->n * sizeof *part->at))
            return true;
    return false;
}

static bool score_points(enum answer_metric metric, const struct code_points *answer,
                         const struct code_points *gold, double *score) {
    struct code_points number = *gold;
    switch (metric) {
    case METRIC_CONTAINS:
        *score = has_part(answer, gold);
        return true;
    case METRIC_ROUGE_L:
        return rouge_l(answer, gold, score);
    case METRIC_EDIT_SIMILARITY:
        return edit_similarity(answer, gold, score);
    default:
        if (metric == METRIC_RETRIEVAL)
            next_number(gold, 0, &number);
        *score = share_of_number(answer, &number);
        return true;
    }
}

static bool point_score(enum answer_metric metric, const struct utf8 *answer,
                        const struct utf8 *gold, double *score) {
    struct utf8 judged = *answer, beside = *gold;
    struct code_points a = {0}, g = {0};
    if (metric == METRIC_EDIT_SIMILARITY) {
        judged = first_line_of_code(answer);
    } else if (metric == METRIC_RETRIEVAL) {
        size_t skipped = find_paragraph_number(gold);
        beside = (struct utf8){gold->bytes + skipped, gold->n_byte - skipped};
    }
    bool (*read)(const struct utf8 *, struct code_points *) =
        metric == METRIC_CONTAINS ? code_points_new_lower : code_points_new;
    bool ok = read(&judged, &a) && read(&beside, &g) && score_points(metric, &a, &g, score);
    free(a.at);
    free(g.at);
    return ok;
}

/* ---- All of them ---- */

static bool is_of_squad(enum answer_metric metric) {
    return metric == METRIC_SQUAD_F1 || metric == METRIC_SQUAD_EXACT;
}

static bool has_words(const struct utf8 *text, bool *has) {
    struct normalised made;
    bool ok = normalise(text, &made);
    *has = made.words.n;
    free_normalised(&made);
    return ok;
}

static bool score_one(enum answer_metric metric, const struct utf8 *answer, const struct utf8 *gold,
                      const struct gold_answers *all, double *score) {
    switch (metric) {
    case METRIC_CLASSIFICATION:
        return classification_score(answer, gold, all, score);
    case METRIC_QA_F1:
    case METRIC_SQUAD_F1:
    case METRIC_SQUAD_EXACT:
        return word_score(metric, answer, gold, score);
    default:
        return point_score(metric, answer, gold, score);
    }
}

bool answer_score(enum answer_metric metric, const struct utf8 *answer,
                  const struct gold_answers *gold, double *score) {
    double best = 0, each;
    bool any = false, counts = true;
    for (size_t i = 0; i < gold->n_answer; i++) {
        if (is_of_squad(metric) && !has_words(&gold->answers[i], &counts))
            return false;
        if (!counts)
            continue;
        any = true;
        if (!score_one(metric, answer, &gold->answers[i], gold, &each))
            return false;
        if (each > best)
            best = each;
    }
    const struct utf8 nothing = {"", 0};
    if (!any && !score_one(metric, answer, &nothing, gold, &best))
        return false;
    *score = best;
    return true;
}
