/* The prompts of document retrieval and multi-document QA, and the examples
 * to train on, beside those that scripts/make_document_cases.py made by the same rules. */
#include "documents.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "documents_training.h"
#include "test_support.h"

static struct squad *tiny, *excerpt;
static dm_tokenizer *words, *bytes; /* GPT-NeoX's, and one with a token per byte */
static json_t *cases;

static struct squad *read_squad(const char *path) {
    struct squad *squad;
    dm_error error;
    return squad_read(path, &squad, &error) ? NULL : squad;
}

static const char *text_of(const json_t *object, const char *key) {
    return json_string_value(json_object_get(object, key));
}

static size_t size_of(const json_t *object, const char *key) {
    return (size_t)json_integer_value(json_object_get(object, key));
}

/* Each prompt of the file: its text with a token per byte, and its tokens of GPT-NeoX. */
static void builds_prompts_by_the_rules(void **state) {
    (void)state;
    size_t i;
    json_t *wanted;
    json_array_foreach(json_object_get(cases, "tasks"), i, wanted) {
        size_t count = size_of(wanted, "count"), q = size_of(wanted, "q"), column, row;
        const size_t counts[] = {2, count};
        struct documents_options options = {
            .kind = strcmp(text_of(wanted, "kind"), "retrieval") ? MULTIDOC_QA : DOCUMENT_RETRIEVAL,
            .squad = tiny,
            .tokenizer = bytes,
            .seed = size_of(wanted, "seed"),
            .counts = counts,
            .n_count = 2,
            .n_question = size_of(wanted, "n_question")};
        struct task *task;
        struct task_prompt prompt;
        dm_error error;
        size_t number = options.n_question + q; /* the second column */
        assert_int_equal(documents_task_new(&options, &task, &error), DM_OK);
        assert_string_equal(task->name, text_of(wanted, "kind"));
        assert_int_equal(task->n_prompt, 2 * options.n_question);
        task->cell_of(task, number, &column, &row);
        assert_int_equal(column, 1);
        assert_int_equal(row, size_of(wanted, "row"));
        assert_int_equal(task->build(task, number, &prompt, &error), DM_OK);
        const char *text = text_of(wanted, "prompt");
        assert_int_equal(prompt.n_id, strlen(text));
        for (size_t t = 0; t < prompt.n_id; t++)
            assert_int_equal(prompt.ids[t], (unsigned char)text[t]);
        free(prompt.ids);
        json_t *said = json_object();
        assert_true(task->describe(task, number, said));
        assert_string_equal(text_of(said, "question"), text_of(wanted, "question"));
        assert_int_equal(size_of(said, "golden_document"), size_of(wanted, "golden"));
        assert_true(
            options.kind == DOCUMENT_RETRIEVAL ||
            json_equal(json_object_get(said, "answers"), json_object_get(wanted, "answers")));
        json_decref(said);
        task_free(task);

        options.tokenizer = words;
        assert_int_equal(documents_task_new(&options, &task, &error), DM_OK);
        assert_int_equal(task->build(task, number, &prompt, &error), DM_OK);
        const json_t *ids = json_object_get(wanted, "ids");
        assert_int_equal(prompt.n_id, json_array_size(ids));
        for (size_t t = 0; t < prompt.n_id; t++)
            assert_int_equal(prompt.ids[t], json_integer_value(json_array_get(ids, t)));
        free(prompt.ids);
        task_free(task);
    }
    assert_int_equal(i, 30);
}

/* The prompt's text, to be freed. */
static char *prompt_text(const struct task *task, size_t number) {
    struct task_prompt prompt;
    dm_error error;
    assert_int_equal(task->build(task, number, &prompt, &error), DM_OK);
    char *text = calloc(prompt.n_id + 1, 1);
    for (size_t t = 0; t < prompt.n_id; t++)
        text[t] = (char)prompt.ids[t];
    free(prompt.ids);
    return text;
}

/* Reads a prompt back: n documents under different numbers, each after the question, one of them
 * the golden one, no two the same. Gives the golden one's number and place. */
static size_t check_prompt(char *text, const struct squad_question *question, size_t n,
                           size_t *golden_place) {
    bool ids[1000] = {false}, *used = calloc(excerpt->n_paragraph, sizeof *used);
    char head[400], *rest;
    size_t golden = SIZE_MAX;
    snprintf(head, sizeof head, " <|Query|> %s <|Document ", question->text);
    for (size_t i = 0; i < n; i++) {
        assert_memory_equal(text, head, strlen(head));
        size_t id = strtoul(text + strlen(head), &rest, 10), paragraph = 0;
        assert_true(id < 1000 && !ids[id]);
        ids[id] = true;
        assert_memory_equal(rest, "|> ", 3);
        rest += 3;
        text = strstr(rest, i + 1 < n ? head : " <|Answer|> <|Document ");
        assert_non_null(text);
        while (strncmp(excerpt->paragraphs[paragraph], rest, (size_t)(text - rest)) != 0)
            assert_true(++paragraph < excerpt->n_paragraph);
        assert_false(used[paragraph]);
        used[paragraph] = true;
        if (paragraph == question->paragraph) {
            golden = id;
            *golden_place = i;
        }
    }
    assert_string_equal(text, " <|Answer|> <|Document ");
    free(used);
    assert_true(golden < 1000);
    return golden;
}

static double judged(const struct task *task, size_t i, const char *answer) {
    dm_error error;
    double score = -1;
    assert_int_equal(task->judge(task, i, answer, strlen(answer), &score, &error), DM_OK);
    return score;
}

static void asks_each_question_with_each_number(void **state) {
    (void)state;
    static const size_t counts[] = {10, 1, 60, 33};
    enum { n_question = 100 };
    struct documents_options options = {.squad = excerpt,
                                        .tokenizer = bytes,
                                        .seed = 5,
                                        .counts = counts,
                                        .n_count = 4,
                                        .n_question = n_question};
    struct task *task, *same, *other;
    dm_error error;
    size_t n_in_row[4][5] = {{0}}, n_same_question = 0;
    bool *asked = calloc(excerpt->n_question, sizeof *asked);
    assert_int_equal(documents_task_new(&options, &task, &error), DM_OK);
    options.counts = counts + 2; /* what is asked beside it changes nothing */
    options.n_count = 2;
    options.n_question = 7;
    assert_int_equal(documents_task_new(&options, &same, &error), DM_OK);
    options.seed = 6;
    assert_int_equal(documents_task_new(&options, &other, &error), DM_OK);
    assert_int_equal(task->n_prompt, 4 * n_question);
    assert_int_equal(task->columns.n, 4);
    assert_string_equal(task->columns.names[3], "33");
    assert_true(task->columns.values[2] == 60);
    assert_string_equal(task->rows.names[1], "20-40%");
    size_t first_question[n_question] = {0};
    for (size_t i = 0; i < task->n_prompt; i++) {
        size_t column, row, q = i % n_question, golden_place = SIZE_MAX;
        task->cell_of(task, i, &column, &row);
        assert_int_equal(column, i / n_question);
        n_in_row[column][row]++;
        json_t *said = json_object();
        assert_true(task->describe(task, i, said));
        const struct squad_question *question = excerpt->questions;
        while (strcmp(question->id, text_of(said, "question_id")) != 0)
            question++;
        assert_null(json_object_get(said, "answers"));
        if (!column) {
            first_question[q] = (size_t)(question - excerpt->questions);
            assert_false(asked[first_question[q]]);
            asked[first_question[q]] = true;
        }
        assert_int_equal(question - excerpt->questions, first_question[q]);

        char *text = prompt_text(task, i), answer[40];
        size_t golden = check_prompt(text, question, counts[column], &golden_place);
        free(text);
        assert_int_equal(golden, size_of(said, "golden_document"));
        assert_int_equal(golden_place, size_of(said, "golden_place"));
        /* where a fifth has whole places, it is the row */
        if (counts[column] % 5 == 0)
            assert_int_equal(golden_place * 5 / counts[column], row);
        json_decref(said);

        snprintf(answer, sizeof answer, "%zu", golden);
        assert_true(judged(task, i, answer) == 1);
        snprintf(answer, sizeof answer, " %zu", golden);
        assert_true(judged(task, i, answer) == 0);
        snprintf(answer, sizeof answer, "%zu", (golden + 1) % 1000);
        assert_true(judged(task, i, answer) == 0);
        assert_true(judged(task, i, "") == 0);
    }
    for (size_t column = 0; column < 4; column++)
        for (size_t row = 0; row < 5; row++)
            assert_int_equal(n_in_row[column][row], n_question / 5);
    for (size_t q = 0; q < 7; q++) {
        char *text = prompt_text(task, 2 * n_question + q), *again = prompt_text(same, q),
             *different = prompt_text(other, q);
        assert_string_equal(text, again);
        assert_string_not_equal(text, different);
        n_same_question += !strncmp(text, different, 40);
        free(text);
        free(again);
        free(different);
    }
    assert_true(n_same_question < 3); /* the questions too are drawn */
    free(asked);
    task_free(task);
    task_free(same);
    task_free(other);
}

static void judges_answers_by_f1(void **state) {
    (void)state;
    static const size_t counts[] = {4};
    struct documents_options options = {.kind = MULTIDOC_QA,
                                        .squad = tiny,
                                        .tokenizer = bytes,
                                        .counts = counts,
                                        .n_count = 1,
                                        .n_question = 13};
    struct task *task;
    struct task_prompt prompt;
    dm_error error;
    size_t n_found = 0;
    assert_int_equal(documents_task_new(&options, &task, &error), DM_OK);
    assert_int_equal(task->measure, TASK_SCORE);
    for (size_t i = 0; i < 13; i++) {
        json_t *said = json_object();
        assert_true(task->describe(task, i, said));
        const char *question = text_of(said, "question");
        if (!strcmp(question, "Where was the Alma built?")) {
            n_found++;
            assert_true(judged(task, i, " The bergen.") == 1);
            assert_true(judged(task, i, "in Bergen") == 1);
            /* two of three words are those of "in Bergen", which has two: 2 * 2 / (3 + 2) */
            assert_true(judged(task, i, "in cold Bergen") > 0.799 &&
                        judged(task, i, "in cold Bergen") < 0.801);
            assert_true(judged(task, i, "Oslo") == 0);
        }
        json_decref(said);
    }
    assert_int_equal(n_found, 1);
    assert_int_equal(task->build(task, 0, &prompt, &error), DM_OK);
    assert_string_equal(prompt.stop, "\n");
    assert_int_equal(prompt.keep_tail, 1);
    assert_true(prompt.n_new >= 30);
    free(prompt.ids);
    task_free(task);
    options.kind = DOCUMENT_RETRIEVAL;
    assert_int_equal(documents_task_new(&options, &task, &error), DM_OK);
    assert_int_equal(task->measure, TASK_RIGHT);
    assert_int_equal(task->build(task, 0, &prompt, &error), DM_OK);
    assert_string_equal(prompt.stop, "|>");
    assert_int_equal(prompt.keep_tail, 1);
    assert_true(prompt.n_new >= 5);
    free(prompt.ids);
    task_free(task);
}

static void refuses_what_the_file_has_not(void **state) {
    (void)state;
    static const struct {
        size_t count, n_question;
        const char *fault;
    } wrong[] = {
        {13, 1, "tiny.json: 12 paragraphs are too few for 13"},
        {12, 14, "tiny.json: 13 questions with an answer are too few for 14"},
        {0, 1, "0 documents: a prompt has 1 to 1000 of them"},
        {1001, 1, "1001 documents: a prompt has 1 to 1000 of them"},
    };
    struct task *task;
    dm_error error;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const size_t counts[] = {1, wrong[i].count};
        struct documents_options options = {.squad = tiny,
                                            .tokenizer = bytes,
                                            .counts = counts,
                                            .n_count = 2,
                                            .n_question = wrong[i].n_question};
        assert_int_equal(documents_task_new(&options, &task, &error), DM_ERROR_ARGUMENT);
        assert_non_null(strstr(error.message, wrong[i].fault));
    }
}

static void writes_examples_by_the_rules(void **state) {
    (void)state;
    size_t i, n_shorter = 0;
    json_t *wanted;
    json_array_foreach(json_object_get(cases, "training"), i, wanted) {
        struct documents_source source;
        struct documents_example example;
        dm_error error;
        int32_t ids[2000];
        size_t n_document = size_of(wanted, "documents");
        assert_int_equal(documents_source_init(&source, tiny, words, size_of(wanted, "seed"),
                                               size_of(wanted, "length"), &error),
                         DM_OK);
        assert_int_equal(source.n_question, size_of(wanted, "n_fitting"));
        assert_int_equal(source.n_question + source.n_too_long, tiny->n_question);
        assert_int_equal(documents_draw_example(&source, size_of(wanted, "number"), n_document,
                                                &example, &error),
                         DM_OK);
        assert_int_equal(example.prompt.question, size_of(wanted, "question"));
        assert_int_equal(example.prompt.n, size_of(wanted, "n_document"));
        n_shorter += example.prompt.n < n_document;
        const json_t *expected = json_object_get(wanted, "ids");
        assert_int_equal(example.n, json_array_size(expected));
        assert_int_equal(example.n_label, size_of(wanted, "n_label"));
        assert_int_equal(documents_write_example(&source, &example, ids, &error), DM_OK);
        for (size_t t = 0; t < example.n; t++)
            assert_int_equal(ids[t], json_integer_value(json_array_get(expected, t)));
        documents_source_free(&source);
    }
    assert_int_equal(i, 20);
    assert_true(n_shorter >= 5);
}

/* Without an end token; what an epoch asks, and where. */
static void trains_on_each_question_once_in_an_epoch(void **state) {
    (void)state;
    struct documents_source source, other;
    struct documents_example example, again;
    dm_error error;
    enum { length = 3000 };
    static int32_t ids[length];
    size_t n_in_fifth[5] = {0}, n_same_order = 0, order[180] = {0};
    assert_int_equal(documents_source_init(&source, excerpt, bytes, 9, length, &error), DM_OK);
    assert_int_equal(source.n_question, 180);
    assert_int_equal(source.highest_id, 0xe2); /* the dashes' first byte */
    for (size_t epoch = 0; epoch < 2; epoch++) {
        bool seen[180] = {false};
        for (size_t i = 0; i < 180; i++) {
            assert_int_equal(documents_draw_example(&source, epoch * 180 + i, 5, &example, &error),
                             DM_OK);
            assert_false(seen[example.prompt.question]);
            seen[example.prompt.question] = true;
            n_same_order += epoch && order[i] == example.prompt.question;
            order[i] = example.prompt.question;
            assert_true(example.n <= length && example.prompt.n <= 5);
            if (example.prompt.n == 5)
                n_in_fifth[document_golden_place(&example.prompt)]++;
            assert_int_equal(documents_write_example(&source, &example, ids, &error), DM_OK);
            assert_int_equal(ids[example.n - 2], '|');
            assert_int_equal(ids[example.n - 1], '>');
            size_t golden = 0;
            for (size_t t = example.n - example.n_label; t < example.n - 2; t++)
                golden = 10 * golden + (size_t)(ids[t] - '0');
            assert_int_equal(golden, document_golden_id(&example.prompt));
        }
    }
    assert_true(n_same_order < 10);
    for (size_t i = 0; i < 5; i++) /* a fifth each, of 200 to 360 */
        assert_true(n_in_fifth[i] > 25 && n_in_fifth[i] < 105);
    /* fewer documents: the same question, the first of the same noise */
    assert_int_equal(documents_draw_example(&source, 77, 2, &again, &error), DM_OK);
    assert_int_equal(documents_draw_example(&source, 77, 3, &example, &error), DM_OK);
    assert_int_equal(again.prompt.question, example.prompt.question);
    assert_int_equal(document_golden_id(&again.prompt), document_golden_id(&example.prompt));
    assert_int_equal(again.prompt.noise, example.prompt.noise);
    /* other data has another hash */
    assert_int_equal(documents_source_init(&other, excerpt, words, 8, length, &error), DM_OK);
    assert_true(other.hash != source.hash);
    uint64_t hash = other.hash;
    documents_source_free(&other);
    assert_int_equal(documents_source_init(&other, excerpt, words, 9, length / 2, &error), DM_OK);
    assert_true(other.hash == hash);
    documents_source_free(&other);
    assert_int_equal(documents_source_init(&other, tiny, words, 8, length, &error), DM_OK);
    assert_true(other.hash != hash);
    documents_source_free(&other);
    documents_source_free(&source);
}

/* The shortest example, under the longest number, and a token less. */
static void leaves_out_what_is_too_long(void **state) {
    (void)state;
    static const char shortest[] = " <|Query|> What was taxed? <|Document 100|> Salt was taxed. "
                                   "<|Answer|> <|Document 100|>";
    struct documents_source source;
    struct documents_example example;
    dm_error error;
    size_t n = strlen(shortest);
    assert_int_equal(documents_source_init(&source, tiny, bytes, 9, n, &error), DM_OK);
    assert_int_equal(source.n_question, 1);
    assert_int_equal(source.n_too_long, 12);
    for (size_t i = 0; i < 200; i++) {
        assert_int_equal(documents_draw_example(&source, i, 12, &example, &error), DM_OK);
        assert_int_equal(example.prompt.n, 1);
        assert_string_equal(tiny->questions[example.prompt.question].id, "q8");
        assert_true(example.n <= n && example.n >= n - 4);
    }
    documents_source_free(&source);
    assert_int_equal(documents_source_init(&source, tiny, bytes, 9, n - 1, &error),
                     DM_ERROR_ARGUMENT);
    assert_non_null(strstr(error.message, "tiny.json: no question with its paragraph and answer "
                                          "fits into 8"));
}

static int set_up(void **state) {
    (void)state;
    dm_error error;
    tiny = read_squad(test_data("documents/tiny.json"));
    excerpt = read_squad(test_source("data/squad/dev-v2.0.json"));
    cases = json_load_file(test_data("documents/cases.json"), 0, NULL);
    return !tiny || !excerpt || !cases ||
           dm_tokenizer_load(test_data("tokenizer/neox"), &words, &error) ||
           dm_tokenizer_load(test_data("tokenizer/bytes"), &bytes, &error);
}

static int tear_down(void **state) {
    (void)state;
    squad_free(tiny);
    squad_free(excerpt);
    json_decref(cases);
    dm_tokenizer_free(words);
    dm_tokenizer_free(bytes);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(builds_prompts_by_the_rules),
        cmocka_unit_test(asks_each_question_with_each_number),
        cmocka_unit_test(judges_answers_by_f1),
        cmocka_unit_test(refuses_what_the_file_has_not),
        cmocka_unit_test(writes_examples_by_the_rules),
        cmocka_unit_test(trains_on_each_question_once_in_an_epoch),
        cmocka_unit_test(leaves_out_what_is_too_long),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
