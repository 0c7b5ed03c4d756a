/* Prompts and answers of a file of one's own: how they are read, judged and put into groups, and what is
 * said of damaged lines. With a token for each byte. */
#include "lines.h"

#include <math.h>
#include <string.h>

#include "test_support.h"

static dm_tokenizer *tokenizer;

static int load_tokenizer(void **state) {
    dm_error error;
    require(dm_tokenizer_load(test_data("tokenizer/bytes"), &tokenizer, &error), &error);
    return test_set_up(state);
}

static int free_tokenizer(void **state) {
    dm_tokenizer_free(tokenizer);
    return test_tear_down(state);
}

static dm_status make(const char *text, struct lines_options options, struct task **task,
                      dm_error *error) {
    static char path[TEST_MAX_PATH];
    snprintf(path, sizeof path, "%s", test_join(test_directory, "own.jsonl"));
    test_write_text(path, text);
    options.path = path;
    options.tokenizer = tokenizer;
    options.n_new = options.n_new ? options.n_new : 9;
    *task = NULL;
    return lines_task_new(&options, task, error);
}

static double judge(const struct task *task, size_t i, const char *answer) {
    double score = -1;
    dm_error error;
    require(task->judge(task, i, answer, strlen(answer), &score, &error), &error);
    return score;
}

static const char three[] =
    "{\"prompt\": \"Who?\", \"answers\": [\"the Cat\", \"a dog\"], \"group\": \"easy\", \"id\": "
    "7}\n"
    "\n"
    "{\"prompt\": \"Where? \", \"answer\": \"in Paris\", \"group\": \"hard\", \"other\": [1]}\n"
    "{\"prompt\": \"When?\", \"answers\": \"1999\", \"group\": \"easy\"}";

static void test_prompts(void **state) {
    (void)state;
    struct task *task;
    struct task_prompt prompt;
    size_t column, row;
    dm_error error;
    require(make(three, (struct lines_options){.metric = LINES_F1, .stop = "\n"}, &task, &error),
            &error);
    assert_int_equal(task->n_prompt, 3);
    assert_int_equal(task->columns.n, 1);
    assert_string_equal(task->columns.names[0], "F1");
    assert_int_equal(task->rows.n, 2);
    assert_string_equal(task->rows.names[0], "easy");
    assert_string_equal(task->rows.names[1], "hard");
    static const size_t groups[] = {0, 1, 0};
    for (size_t i = 0; i < 3; i++) {
        task->cell_of(task, i, &column, &row);
        assert_true(column == 0 && row == groups[i]);
    }
    require(task->build(task, 1, &prompt, &error), &error);
    assert_int_equal(prompt.n_id, strlen("Where? "));
    assert_int_equal(prompt.n_new, 9);
    assert_string_equal(prompt.stop, "\n");
    free(prompt.ids);
    json_t *facts = json_object();
    assert_true(task->describe(task, 0, facts));
    assert_int_equal(json_integer_value(json_object_get(facts, "id")), 7);
    assert_int_equal(json_integer_value(json_object_get(facts, "line")), 1);
    assert_int_equal(json_array_size(json_object_get(facts, "answers")), 2);
    json_decref(facts);
    task_free(task);
    require(make(three, (struct lines_options){.max_prompts = 1, .stop = ""}, &task, &error),
            &error);
    assert_int_equal(task->n_prompt, 1);
    require(task->build(task, 0, &prompt, &error), &error);
    assert_null(prompt.stop);
    free(prompt.ids);
    task_free(task);
}

static void test_metrics(void **state) {
    (void)state;
    static const struct {
        enum lines_metric metric;
        enum task_measure measure;
        size_t prompt;
        const char *answer;
        double score;
    } cases[] = {
        {LINES_EXACT, TASK_RIGHT, 0, " cat.", 1},
        {LINES_EXACT, TASK_RIGHT, 0, "A Dog!", 1},
        {LINES_EXACT, TASK_RIGHT, 0, "cats", 0},
        {LINES_EXACT, TASK_RIGHT, 2, "1999", 1},
        {LINES_CONTAINS, TASK_RIGHT, 0, "dog", 0},
        {LINES_CONTAINS, TASK_RIGHT, 0, "A DOG.", 1},
        {LINES_CONTAINS, TASK_RIGHT, 1, "paris", 0},
        {LINES_F1, TASK_SCORE, 1, "Paris", 2.0 / 3},
        {LINES_ROUGE_L, TASK_SCORE, 1, "in Paris", 1},
        {LINES_ROUGE_L, TASK_SCORE, 1, "in paris", 0.5},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct task *task;
        dm_error error;
        require(make(three, (struct lines_options){.metric = cases[i].metric}, &task, &error),
                &error);
        assert_int_equal(task->measure, cases[i].measure);
        if (!(fabs(judge(task, cases[i].prompt, cases[i].answer) - cases[i].score) < 1e-6))
            fail_msg("case %zu", i);
        task_free(task);
    }
}

static void test_damaged(void **state) {
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "own.jsonl: there is no prompt"},
        {"{\"prompt\": \"a\", \"answer\": \"b\"}\n[]", "own.jsonl:2: a line must be a JSON object"},
        {"{\"answer\": \"b\"}", "own.jsonl:1: key 'prompt' is missing"},
        {"{\"prompt\": \"\", \"answer\": \"b\"}", "own.jsonl:1: key 'prompt' is empty"},
        {"{\"prompt\": 3, \"answer\": \"b\"}", "key 'prompt' must be a text, not a number"},
        {"{\"prompt\": \"a\"}", "key 'answer' is missing"},
        {"{\"prompt\": \"a\", \"answer\": [\"b\"]}", "key 'answer' must be a text, not a list"},
        {"{\"prompt\": \"a\", \"answers\": []}", "key 'answers' is an empty list"},
        {"{\"prompt\": \"a\", \"answers\": [\"b\", 1]}", "number 2 is a number"},
        {"{\"prompt\": \"a\", \"answers\": {}}", "key 'answers' must be a list, not an object"},
        {"{\"prompt\": \"a\", \"answers\": [\"b\"], \"answer\": \"b\"}", "give one"},
        {"{\"prompt\": \"a\", \"answer\": \"b\", \"group\": 1}", "key 'group' must be a text"},
        {"{\"prompt\": \"a\", \"answer\": \"b\", \"group\": \"\"}", "must be a name of one line"},
        {"{\"prompt\": \"a\", \"answer\": \"b\", \"group\": \"x\\ny\"}",
         "must be a name of one line"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct task *task;
        dm_error error;
        assert_int_equal(make(cases[i].text, (struct lines_options){.n_new = 1}, &task, &error),
                         DM_ERROR_FORMAT);
        test_expect_error(&error, DM_ERROR_FORMAT, cases[i].message);
        assert_null(task);
    }
    struct task *task;
    dm_error error;
    const struct lines_options nowhere = {.path = "/no/such", .tokenizer = tokenizer, .n_new = 1};
    assert_int_equal(lines_task_new(&nowhere, &task, &error), DM_ERROR_IO);
    test_expect_error(&error, DM_ERROR_IO, "/no/such");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prompts),
        cmocka_unit_test(test_metrics),
        cmocka_unit_test(test_damaged),
    };
    return cmocka_run_group_tests(tests, load_tokenizer, free_tokenizer);
}
