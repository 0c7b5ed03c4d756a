/* Sentences against nltk's, of real rows and of texts made to be difficult. */
#include "sentences.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "json_lines.h"
#include "test_support.h"

static void check(const char *text, size_t n_byte, const json_t *expected) {
    struct text_span *spans;
    size_t n_span;
    dm_error error;
    assert_int_equal(sentences_split(text, n_byte, &spans, &n_span, &error), DM_OK);
    bool same = n_span == json_array_size(expected);
    for (size_t i = 0; same && i < n_span; i++) {
        const json_t *span = json_array_get(expected, i);
        same = spans[i].begin == (size_t)json_integer_value(json_array_get(span, 0)) &&
               spans[i].end == (size_t)json_integer_value(json_array_get(span, 1));
    }
    if (!same) {
        print_error("text: %.*s\n", (int)n_byte, text);
        for (size_t i = 0; i < n_span; i++)
            print_error("  [%zu, %zu)\n", spans[i].begin, spans[i].end);
    }
    assert_true(same);
    assert_int_equal(spans == NULL, n_span == 0);
    free(spans);
}

static void splits_rows_as_nltk_does(void **state) {
    (void)state;
    char *row = NULL;
    struct json_lines lines;
    dm_error error;
    json_t *object;
    const json_t *spans;
    size_t capacity = 0, n_row = 0, n_span = 0;
    FILE *rows = fopen(test_source("data/wikitext2/wiki.test.raw"), "rb");
    const char *path = test_data("sentences/wiki.test.raw.jsonl");
    assert_non_null(rows);
    assert_int_equal(json_lines_open(&lines, path, &error), DM_OK);
    for (ssize_t n; (n = getline(&row, &capacity, rows)) > 0; n_row++) {
        assert_int_equal(json_lines_next(&lines, &object, &error), DM_OK);
        assert_int_equal(json_lines_list(&lines, object, "spans", &spans, &error), DM_OK);
        check(row, (size_t)n, spans);
        n_span += json_array_size(spans);
        json_decref(object);
    }
    assert_int_equal(json_lines_next(&lines, &object, &error), DM_OK);
    assert_null(object);
    assert_int_equal(n_row, 295);
    assert_true(n_span > 700);
    json_lines_close(&lines);
    fclose(rows);
    free(row);
}

static void splits_difficult_texts_as_nltk_does(void **state) {
    (void)state;
    struct json_lines lines;
    dm_error error;
    json_t *object;
    const json_t *text, *spans;
    size_t n_text = 0;
    const char *path = test_data("sentences/texts.jsonl");
    assert_int_equal(json_lines_open(&lines, path, &error), DM_OK);
    for (; !json_lines_next(&lines, &object, &error) && object; n_text++) {
        assert_int_equal(json_lines_text(&lines, object, "text", &text, &error), DM_OK);
        assert_int_equal(json_lines_list(&lines, object, "spans", &spans, &error), DM_OK);
        check(json_string_value(text), json_string_length(text), spans);
        json_decref(object);
    }
    assert_int_equal(n_text, 607);
    json_lines_close(&lines);
}

static void refuses_what_is_not_utf8(void **state) {
    (void)state;
    const struct {
        const char *text;
        const char *byte;
    } cases[] = {{"Bad. \xff. Bad", "byte 5 "},   {"cut\xe2\x80", "byte 3 "},
                 {"\xc0\xaf. A", "byte 0 "},      {"a\xed\xa0\x80", "byte 1 "},
                 {"\xf4\x90\x80\x80", "byte 0 "}, {"ok \xe2\x80\x9c\x80", "byte 6 "}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct text_span *spans;
        size_t n_span;
        dm_error error = {0};
        assert_int_equal(
            sentences_split(cases[i].text, strlen(cases[i].text), &spans, &n_span, &error),
            DM_ERROR_FORMAT);
        assert_int_equal(error.status, DM_ERROR_FORMAT);
        assert_non_null(strstr(error.message, cases[i].byte));
        assert_null(spans);
    }
}

/* Texts that would take hours if anything were looked at again and again. */
static void takes_linear_time(void **state) {
    (void)state;
    const char *const pieces[] = {".",  "a.",  ". ",       "a. ",       "!",
                                  "\"", ".\"", "-",        " ",         ". . ",
                                  ",",  "J. ", "\xc2\xa0", ".\xc2\xa0", "a.\xc2\xa0"};
    enum { n_byte = 4000000 };
    char *text = malloc(n_byte);
    assert_non_null(text);
    for (size_t p = 0; p < sizeof pieces / sizeof *pieces; p++) {
        struct text_span *spans;
        size_t n_span, n = strlen(pieces[p]), n_whole = n_byte / n * n;
        dm_error error;
        for (size_t i = 0; i < n_whole; i++)
            text[i] = pieces[p][i % n];
        assert_int_equal(sentences_split(text, n_whole, &spans, &n_span, &error), DM_OK);
        for (size_t i = 0; i < n_span; i++) {
            assert_true(spans[i].begin < spans[i].end && spans[i].end <= n_whole);
            assert_true(i == 0 || spans[i - 1].end <= spans[i].begin);
        }
        free(spans);
    }
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits_rows_as_nltk_does),
        cmocka_unit_test(splits_difficult_texts_as_nltk_does),
        cmocka_unit_test(refuses_what_is_not_utf8),
        cmocka_unit_test(takes_linear_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
