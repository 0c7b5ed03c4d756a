/* The metrics on cases worked by hand, and on those that other programs have scored. */
#include "answer_metrics.h"

#include <math.h>
#include <string.h>

#include "json_lines.h"
#include "test_support.h"

static const char *const names[] = {
    [METRIC_QA_F1] = "qa_f1",
    [METRIC_ROUGE_L] = "rouge_l",
    [METRIC_CLASSIFICATION] = "classification",
    [METRIC_RETRIEVAL] = "retrieval",
    [METRIC_COUNT] = "count",
    [METRIC_EDIT_SIMILARITY] = "edit_similarity",
    [METRIC_SQUAD_F1] = "squad_f1",
    [METRIC_SQUAD_EXACT] = "squad_exact",
    [METRIC_CONTAINS] = "contains",
};
enum { n_metric = sizeof names / sizeof *names, max_texts = 16 };

static struct utf8 utf8_of(const char *text) {
    return (struct utf8){text, strlen(text)};
}

/* `golds` and `classes` are parted by '|'; a NULL is none at all. */
static size_t split(const char *text, struct utf8 *parts) {
    size_t n = 0;
    while (text) {
        assert_true(n < max_texts);
        const char *stop = strchr(text, '|');
        parts[n++] = (struct utf8){text, stop ? (size_t)(stop - text) : strlen(text)};
        text = stop ? stop + 1 : NULL;
    }
    return n;
}

static double score(enum answer_metric metric, const char *answer, const char *golds,
                    const char *classes) {
    struct utf8 gold_parts[max_texts], class_parts[max_texts], text = utf8_of(answer);
    const struct gold_answers gold = {gold_parts, split(golds, gold_parts), class_parts,
                                      split(classes, class_parts)};
    double result = -1;
    assert_true(answer_score(metric, &text, &gold, &result));
    return result;
}

#define CHECK(metric, answer, golds, expected) \
    assert_true(fabs(score(metric, answer, golds, NULL) - (expected)) < 1e-12)

static void scores_words(void **state) {
    (void)state;
    /* 2 of 3 words, 2 of 2: 2 * 2/3 * 1 / (5/3) */
    CHECK(METRIC_QA_F1, "The cat, sat Down", "a CAT sat.", 0.8);
    CHECK(METRIC_QA_F1, "a a b b b", "b b c",
          2 * (2 / 3.0) * (2 / 3.0) / (4 / 3.0)); /* a: article */
    CHECK(METRIC_QA_F1, "x", "y|z x|x", 1);
    CHECK(METRIC_QA_F1, "another one", "other one", 0.5);
    CHECK(METRIC_QA_F1, "well-known", "wellknown", 1); /* punctuation goes without a space */
    CHECK(METRIC_QA_F1, "", "", 0);
    CHECK(METRIC_QA_F1, "the", "the", 0);
    CHECK(METRIC_SQUAD_F1, "the", "a", 1);
    CHECK(METRIC_SQUAD_F1, "", "x", 0);
    CHECK(METRIC_SQUAD_F1, "x", "", 0);
    CHECK(METRIC_SQUAD_F1, "", "the|x", 0); /* "the" is no answer beside another */
    CHECK(METRIC_SQUAD_F1, "x y", "x", 2 / 3.0);
    CHECK(METRIC_SQUAD_EXACT, "The  Cat!", "cat", 1);
    CHECK(METRIC_SQUAD_EXACT, "cat sat", "sat cat", 0);
    CHECK(METRIC_SQUAD_EXACT, "", "?|the", 1);
}

static void scores_parts(void **state) {
    (void)state;
    CHECK(METRIC_CONTAINS, "It is in PARIS.", "paris", 1);
    CHECK(METRIC_CONTAINS, "It is in Paris.", "paris|rome", 1);
    CHECK(METRIC_CONTAINS, "It is in Pari", "paris|rome", 0);
    CHECK(METRIC_CONTAINS, "two  blanks", "two blanks", 0);
    CHECK(METRIC_CONTAINS, "x", "", 1);
    CHECK(METRIC_CONTAINS, "", "x", 0);
}

static void scores_summaries(void **state) {
    (void)state;
    /* of 4 distinct words each, "the cat sat" is common */
    CHECK(METRIC_ROUGE_L, "the cat sat here", "the cat sat down", 2 * (0.75 * 0.75 / (1.5 + 1e-8)));
    /* sentence by sentence: c and b come from different ones; a word counts once */
    CHECK(METRIC_ROUGE_L, "b c b", "c. b", 2 * (1.0 * 1.0 / (2 + 1e-8)));
    CHECK(METRIC_ROUGE_L, "b c", "c b x", 2 * (0.5 * (1 / 3.0) / (0.5 + 1 / 3.0 + 1e-8)));
    CHECK(METRIC_ROUGE_L, "Cat", "cat", 0);
    CHECK(METRIC_ROUGE_L, "..", "x", 0);
    CHECK(METRIC_ROUGE_L, "", "x", 0);
    CHECK(METRIC_ROUGE_L, " ", " ", 2 * (1 / (2 + 1e-8))); /* an empty word in both */
}

static void scores_classes(void **state) {
    (void)state;
    const enum answer_metric metric = METRIC_CLASSIFICATION;
    assert_true(score(metric, "Type: City", "City", "Date|City") == 1);
    assert_true(score(metric, "City or Date", "City", "Date|City|Reason") == 0.5);
    assert_true(score(metric, "Date", "City", "Date|City") == 0);
    assert_true(score(metric, "Other city", "Other city", "city|Other city") == 1);
    /* "it" is skipped, because "city" was taken out before it */
    assert_true(score(metric, "Other city", "Other city", "city|it|Other city") == 0.5);
    assert_true(score(metric, "City", "City", NULL) == 0);
}

static void scores_numbers(void **state) {
    (void)state;
    CHECK(METRIC_COUNT, "The answer is 12.", "12", 1);
    CHECK(METRIC_COUNT, "12, 13 or 12", "12", 2 / 3.0);
    CHECK(METRIC_COUNT, "012", "12", 0);
    CHECK(METRIC_COUNT, "twelve", "12", 0);
    CHECK(METRIC_RETRIEVAL, "Paragraph 7", "Paragraph 7", 1);
    CHECK(METRIC_RETRIEVAL, "7 and 30", "Paragraph 7", 0.5);
    CHECK(METRIC_RETRIEVAL, "17", "Paragraph 7", 0);
    struct utf8 sound = utf8_of("a Paragraph x Paragraph 3"), broken = utf8_of("Paragraph "),
                other = utf8_of("paragraph 3");
    assert_true(retrieval_gold_is_sound(&sound));
    assert_false(retrieval_gold_is_sound(&broken));
    assert_false(retrieval_gold_is_sound(&other));
}

static void scores_code(void **state) {
    (void)state;
    const enum answer_metric metric = METRIC_EDIT_SIMILARITY;
    CHECK(metric, "return x;", "return x;", 1);
    CHECK(metric, "", "", 1);
    CHECK(metric, "abcd", "bcde", 0.75);
    CHECK(metric, "abc", "bcdef", 0.5);
    CHECK(metric, "abcdefgh12345678", "abcdefgh87654321", 0.56); /* 0.5625 */
    CHECK(metric, "aaaaabbb", "aaaaaccc", 0.62);                 /* 0.625 goes to the even one */
    CHECK(metric, "aaaaaaabbbbbbbbb", "aaaaaaaccccccccc", 0.44); /* 0.4375 */
    CHECK(metric, "aaab", "aaac", 0.75);
    /* \n\n, then lines that are marked, then the line */
    CHECK(metric, "\n\n# a\n```\n// b\nx = 1\ny", "x = 1", 1);
    CHECK(metric, "# a\n\nx = 1", "", 1); /* the line is the empty one */
    CHECK(metric, "# a", "", 1);
    CHECK(metric, "\n", "x", 0);
}

static void takes_the_first_line(void **state) {
    (void)state;
    const struct {
        const char *text, *line;
    } cases[] = {{"a\nb", "a"}, {"\n\n a\n", " a"}, {"", ""}, {"\n\n", ""}, {"a\r\nb", "a\r"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct utf8 text = utf8_of(cases[i].text), line = first_line(&text);
        assert_int_equal(line.n_byte, strlen(cases[i].line));
        assert_memory_equal(line.bytes, cases[i].line, line.n_byte);
    }
}

static size_t read_texts(const json_t *list, struct utf8 *texts) {
    size_t n = json_array_size(list);
    assert_true(n <= max_texts);
    for (size_t i = 0; i < n; i++) {
        const json_t *text = json_array_get(list, i);
        texts[i] = (struct utf8){json_string_value(text), json_string_length(text)};
    }
    return n;
}

static void agrees_with_other_programs(void **state) {
    (void)state;
    const char *path = test_data("metrics/cases.jsonl");
    struct json_lines lines;
    json_t *object;
    dm_error error;
    size_t n_case[n_metric] = {0};
    assert_int_equal(json_lines_open(&lines, path, &error), DM_OK);
    for (;;) {
        const json_t *name, *text, *golds;
        struct utf8 gold_texts[max_texts], classes[max_texts];
        double expected, result = -1;
        size_t metric = 0;
        assert_int_equal(json_lines_next(&lines, &object, &error), DM_OK);
        if (!object)
            break;
        assert_int_equal(json_lines_text(&lines, object, "metric", &name, &error), DM_OK);
        assert_int_equal(json_lines_text(&lines, object, "answer", &text, &error), DM_OK);
        assert_int_equal(json_lines_texts(&lines, object, "golds", &golds, &error), DM_OK);
        assert_int_equal(json_lines_number(&lines, object, "score", &expected, &error), DM_OK);
        while (metric < n_metric && strcmp(names[metric], json_string_value(name)) != 0)
            metric++;
        assert_true(metric < n_metric);
        n_case[metric]++;
        const struct utf8 answer = {json_string_value(text), json_string_length(text)};
        const struct gold_answers gold = {gold_texts, read_texts(golds, gold_texts), classes,
                                          read_texts(json_object_get(object, "classes"), classes)};
        assert_true(answer_score((enum answer_metric)metric, &answer, &gold, &result));
        if (!(fabs(result - expected) < 1e-12))
            fail_msg("%s:%zu: %.17g", path, lines.number, result);
        json_decref(object);
    }
    json_lines_close(&lines);
    for (size_t i = 0; i < n_metric; i++)
        assert_true(n_case[i] >= 80);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_words),         cmocka_unit_test(scores_parts),
        cmocka_unit_test(scores_summaries),     cmocka_unit_test(scores_classes),
        cmocka_unit_test(scores_numbers),       cmocka_unit_test(scores_code),
        cmocka_unit_test(takes_the_first_line), cmocka_unit_test(agrees_with_other_programs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
