/* SQuAD files, good and bad. */
#include "squad.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test_support.h"

static char scratch[TEST_MAX_PATH]; /* a file */

static void reads_squad(void **state) {
    (void)state;
    struct squad *tiny, *excerpt;
    dm_error error;
    assert_int_equal(squad_read("tests/data/documents/tiny.json", &tiny, &error), DM_OK);
    assert_int_equal(tiny->n_paragraph, 12);
    assert_int_equal(tiny->n_question, 13);
    const struct squad_question *questions = tiny->questions;
    assert_string_equal(questions[0].text, "Where was the Alma built?");
    assert_string_equal(questions[0].id, "q1");
    assert_int_equal(squad_answer_count(&questions[0]), 2);
    assert_string_equal(squad_answer(&questions[0], 1), "in Bergen");
    assert_string_equal(questions[2].text, " What could the parrot say? ");
    assert_null(questions[3].id);
    assert_string_equal(squad_answer(&questions[3], 0), "two");
    /* a paragraph that stands there twice, the first time with an impossible question only */
    assert_string_equal(questions[6].id, "q8");
    assert_int_equal(questions[6].paragraph, 2);
    assert_string_equal(tiny->paragraphs[2], "Salt was taxed.");
    for (size_t i = 0; i < tiny->n_question; i++)
        assert_true(questions[i].paragraph < tiny->n_paragraph);
    assert_string_equal(tiny->paragraphs[questions[12].paragraph], "Bits are turned by a brace.");
    squad_free(tiny);
    assert_int_equal(squad_read("data/squad/dev-v2.0.json", &excerpt, &error), DM_OK);
    assert_int_equal(excerpt->n_paragraph, 60);
    assert_int_equal(excerpt->n_question, 180);
    squad_free(excerpt);
}

/* As version 1.1 has it, without is_impossible; each paragraph is there twice. */
static void merges_equal_paragraphs(void **state) {
    (void)state;
    static const char *const texts[] = {"b", "b", "c", "a", "c", "a"};
    const size_t places[] = {0, 0, 1, 2, 1, 2};
    char text[2000];
    struct squad *squad;
    dm_error error;
    size_t n = (size_t)snprintf(text, sizeof text, "{\"data\": [{\"paragraphs\": [");
    for (size_t i = 0; i < 6; i++)
        n += (size_t)snprintf(text + n, sizeof text - n,
                              "%s{\"context\": \"%s\", \"qas\": [{\"question\": \"q%zu\", "
                              "\"answers\": [{\"text\": \"%s\"}]}]}",
                              i ? ", " : "", texts[i], i, texts[i]);
    n += (size_t)snprintf(text + n, sizeof text - n, "]}]}");
    test_write_file(scratch, text, n);
    assert_int_equal(squad_read(scratch, &squad, &error), DM_OK);
    assert_int_equal(squad->n_paragraph, 3);
    assert_int_equal(squad->n_question, 6);
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(squad->questions[i].paragraph, places[i]);
        assert_string_equal(squad->paragraphs[places[i]], texts[i]);
    }
    squad_free(squad);
}

/* A row as Hugging Face's squad and squad_v2 have it: with no answer where is_impossible was. */
static json_t *make_row(const struct squad *squad, const struct squad_question *question) {
    json_t *texts = json_array(), *starts = json_array();
    const char *context = squad->paragraphs[question->paragraph];
    for (size_t i = 0; i < squad_answer_count(question); i++) {
        json_array_append_new(texts, json_string(squad_answer(question, i)));
        json_array_append_new(starts, json_integer((json_int_t)i));
    }
    return json_pack("{ss? ss ss ss s{so so}}", "id", question->id, "title", "A title", "context",
                     context, "question", question->text, "answers", "text", texts, "answer_start",
                     starts);
}

static void write_rows(const json_t *rows, bool lines, const char *before) {
    FILE *file = fopen(scratch, "wb");
    assert_non_null(file);
    fputs(before, file);
    for (size_t i = 0; lines && i < json_array_size(rows); i++) {
        json_dumpf(json_array_get(rows, i), file, 0);
        fputs(i % 2 ? "\n" : "\r\n\n", file);
    }
    if (!lines)
        json_dumpf(rows, file, JSON_INDENT(4));
    fclose(file);
}

static void expect_same(const struct squad *a, const struct squad *b) {
    assert_int_equal(a->n_question, b->n_question);
    for (size_t i = 0; i < a->n_question; i++) {
        const struct squad_question *x = &a->questions[i], *y = &b->questions[i];
        assert_string_equal(x->text, y->text);
        assert_string_equal(x->id ? x->id : "-", y->id ? y->id : "-");
        assert_string_equal(a->paragraphs[x->paragraph], b->paragraphs[y->paragraph]);
        assert_int_equal(squad_answer_count(x), squad_answer_count(y));
        for (size_t j = 0; j < squad_answer_count(x); j++)
            assert_string_equal(squad_answer(x, j), squad_answer(y, j));
    }
}

/* As lines and as a list, with a byte order mark and without. */
static void reads_rows(void **state) {
    (void)state;
    static const char *const files[] = {"tests/data/documents/tiny.json",
                                        "data/squad/dev-v2.0.json"};
    struct squad *squad, *again;
    dm_error error;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(squad_read(files[i], &squad, &error), DM_OK);
        json_t *rows = json_pack("[{ss ss s{s[] s[]}}]", "context", "A text that answers nothing.",
                                 "question", "What?", "answers", "text", "answer_start");
        for (size_t q = 0; q < squad->n_question; q++)
            json_array_append_new(rows, make_row(squad, &squad->questions[q]));
        for (int way = 0; way < 4; way++) {
            write_rows(rows, way & 1, way & 2 ? "\xef\xbb\xbf" : "");
            assert_int_equal(squad_read(scratch, &again, &error), DM_OK);
            expect_same(squad, again);
            assert_string_equal(again->paragraphs[0], "A text that answers nothing.");
            squad_free(again);
        }
        json_decref(rows);
        squad_free(squad);
    }
    /* one row, and answers as SQuAD itself has them */
    test_write_text(scratch, "{\"context\": \"c\", \"question\": \"q\", \"answers\": "
                             "[{\"text\": \"a\", \"answer_start\": 0}]}");
    assert_int_equal(squad_read(scratch, &squad, &error), DM_OK);
    assert_int_equal(squad->n_paragraph, 1);
    assert_string_equal(squad_answer(&squad->questions[0], 0), "a");
    squad_free(squad);
}

static void finds_the_file(void **state) {
    (void)state;
    static const char *const places[] = {"data", "data/squad", "data/squad/dev-v2.0.json"};
    char *found;
    dm_error error;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        assert_int_equal(squad_find(places[i], &found, &error), DM_OK);
        assert_string_equal(found, "data/squad/dev-v2.0.json");
        free(found);
    }
    assert_int_equal(squad_find("data/books", &found, &error), DM_ERROR_IO);
    assert_string_equal(error.message, "data/books: this folder has no squad/dev-v2.0.json and no "
                                       "dev-v2.0.json");
    assert_int_equal(squad_find("nowhere", &found, &error), DM_ERROR_IO);
    assert_string_equal(error.message, "nowhere: No such file or directory");
}

static void refuses_bad_files(void **state) {
    (void)state;
#define ROW "{\"context\": \"c\", \"question\": \"q\", \"answers\": {\"text\": [\"a\"]}}"
    static const struct {
        const char *text, *fault;
        dm_status status;
    } files[] = {
        {"", ":1: bad JSON: ", DM_ERROR_FORMAT},
        {"{\n\"data\": [\n{]}", ":3: bad JSON: ", DM_ERROR_FORMAT},
        {"{\"data\": [\"\xff\"]}", ":1: bad JSON: ", DM_ERROR_FORMAT},
        {"{\"data\": [\"a\\u0000\"]}", ":1: bad JSON: ", DM_ERROR_FORMAT},
        {"{\"data\": [], \"data\": []}", ":1: bad JSON: duplicate", DM_ERROR_FORMAT},
        {"[]", ": key 'data' is missing", DM_ERROR_FORMAT},
        {"{\"data\": {}}", ": key 'data' is not a list", DM_ERROR_FORMAT},
        {"{\"data\": []}", ": no question with an answer", DM_ERROR_FORMAT},
        {"{\"data\": [1]}", ": data[0]: key 'paragraphs' is missing", DM_ERROR_FORMAT},
        {"{\"data\": [{\"paragraphs\": []}, {}]}", ": data[1]: key 'paragraphs' is missing",
         DM_ERROR_FORMAT},
        {"{\"data\": [{\"paragraphs\": [{\"qas\": []}]}]}",
         ": data[0].paragraphs[0]: key 'context' is missing", DM_ERROR_FORMAT},
        {"{\"data\": [{\"paragraphs\": [{\"context\": 5, \"qas\": []}]}]}",
         ": data[0].paragraphs[0]: key 'context' is not a text", DM_ERROR_FORMAT},
        {"{\"data\": [{\"paragraphs\": [{\"context\": \"a\", \"qas\": 5}]}]}",
         ": data[0].paragraphs[0]: key 'qas' is not a list", DM_ERROR_FORMAT},
        {"{\"data\": [{\"paragraphs\": [{\"context\": \"a\", \"qas\": []}, {\"context\": \"b\", "
         "\"qas\": [{\"is_impossible\": true}, {}]}]}]}",
         ": data[0].paragraphs[1].qas[1]: key 'question' is missing", DM_ERROR_FORMAT},
        {"{\"data\": [{\"paragraphs\": [{\"context\": \"a\", \"qas\": [{\"question\": \"q\"}]}]}]}",
         ": data[0].paragraphs[0].qas[0]: key 'answers' is missing", DM_ERROR_FORMAT},
        {"{\"data\": [{\"paragraphs\": [{\"context\": \"a\", \"qas\": [{\"is_impossible\": "
         "0}]}]}]}",
         ": data[0].paragraphs[0].qas[0]: key 'is_impossible' is not true or false",
         DM_ERROR_FORMAT},
        {"{\"data\": [{\"paragraphs\": [{\"context\": \"a\", \"qas\": [{\"question\": \"q\", "
         "\"answers\": [{\"text\": \"a\"}, {\"text\": null}]}]}]}]}",
         ": data[0].paragraphs[0].qas[0].answers[1]: key 'text' is not a text", DM_ERROR_FORMAT},
        /* rows: */
        {ROW "\n\n{\"context\": \"c\", \"question\": 1, \"answers\": {\"text\": []}}",
         ":3: key 'question' is not a text", DM_ERROR_FORMAT},
        {ROW "\n{\"question\": \"q\"}", ":2: key 'context' is missing", DM_ERROR_FORMAT},
        {ROW "\n" ROW "x", ":2: end of file expected near 'x'", DM_ERROR_FORMAT},
        {ROW "\n{\"context\": \"a\\u0000b\"}", ":2: key 'context' has a NUL in it",
         DM_ERROR_FORMAT},
        {"[" ROW ", {\"context\": \"c\", \"question\": \"q\", \"answers\": 1}]",
         ": [1]: key 'answers' is not a list", DM_ERROR_FORMAT},
        {"[" ROW ", {\"context\": \"c\", \"question\": \"q\", \"answers\": {}}]",
         ": [1]: key 'text' is missing", DM_ERROR_FORMAT},
        {"[" ROW ", {\"context\": \"c\", \"question\": \"q\", \"answers\": {\"text\": [1]}}]",
         ": [1]: key 'answers' has what is not a text", DM_ERROR_FORMAT},
        {"[" ROW "] x", ":1: bad JSON: end of file expected", DM_ERROR_FORMAT},
        {"[1]", ": [0]: key 'context' is missing", DM_ERROR_FORMAT},
        {"{\"context\": \"c\", \"question\": \"q\", \"answers\": {\"text\": []}}",
         ": no question with an answer", DM_ERROR_FORMAT},
    };
#undef ROW
    char expected[TEST_MAX_PATH + 100];
    struct squad *squad;
    dm_error error;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        test_write_text(scratch, files[i].text);
        assert_int_equal(squad_read(scratch, &squad, &error), files[i].status);
        snprintf(expected, sizeof expected, "%s%s", scratch, files[i].fault);
        assert_int_equal(strncmp(error.message, expected, strlen(expected)),
                         0); /* jansson says more */
    }
    assert_int_equal(squad_read("nowhere.json", &squad, &error), DM_ERROR_IO);
    assert_string_equal(error.message, "nowhere.json: cannot read: No such file or directory");
    assert_int_equal(squad_read("/", &squad, &error), DM_ERROR_IO);
    assert_string_equal(error.message, "/: cannot read: Is a directory");
}

/* Whatever is cut off or changed, here at every seventh byte, there is a file that is read or a
 * line that names it. */
static void reads_or_refuses_anything(void **state) {
    (void)state;
    size_t n, n_read = 0, n_refused = 0;
    char *text = (char *)test_read_file("tests/data/documents/tiny.json", &n);
    assert_true(n > 1000);
    for (size_t i = 0; i < n; i += 7) {
        char kept = text[i];
        for (int way = 0; way < 3; way++) {
            struct squad *squad;
            dm_error error = {.message = ""};
            text[i] = "]\"x"[way];
            test_write_file(scratch, text, way ? n : i);
            if (squad_read(scratch, &squad, &error)) {
                assert_memory_equal(error.message, scratch, strlen(scratch));
                n_refused++;
            } else {
                squad_free(squad);
                n_read++;
            }
        }
        text[i] = kept;
    }
    assert_true(n_read > n / 14 && n_refused > n / 7);
    free(text);
}

static int set_up(void **state) {
    test_set_up(state);
    snprintf(scratch, sizeof scratch, "%s", test_join(test_directory, "squad.json"));
    return chdir(test_source("."));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_squad),       cmocka_unit_test(merges_equal_paragraphs),
        cmocka_unit_test(reads_rows),        cmocka_unit_test(finds_the_file),
        cmocka_unit_test(refuses_bad_files), cmocka_unit_test(reads_or_refuses_anything),
    };
    return cmocka_run_group_tests(tests, set_up, test_tear_down);
}
