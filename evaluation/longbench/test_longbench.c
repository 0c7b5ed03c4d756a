/* LongBench's prompts beside those of Hugging Face's tokenizers and Python's str.format, how
 * answers are judged, where files are found, and what is said of damaged ones. With GPT-NeoX's
 * tokenizer and the sample in data/longbench. */
#include "longbench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "json_lines.h"
#include "longbench_prompt.h"
#include "test_support.h"

static dm_tokenizer *tokenizer;
static char sample[TEST_MAX_PATH];

static int load_tokenizer(void **state) {
    (void)state;
    snprintf(sample, sizeof sample, "%s", test_source("data/longbench"));
    return dm_tokenizer_load(test_data("tokenizer/neox"), &tokenizer, NULL);
}

static int free_tokenizer(void **state) {
    (void)state;
    dm_tokenizer_free(tokenizer);
    return 0;
}

static struct task *make(const struct longbench_options *options) {
    struct task *task = NULL;
    dm_error error;
    if (longbench_task_new(options, &task, &error))
        fail_msg("%s", error.message);
    return task;
}

static double judge(const struct task *task, size_t i, const char *answer) {
    double score = -1;
    dm_error error;
    assert_int_equal(task->judge(task, i, answer, strlen(answer), &score, &error), DM_OK);
    return score;
}

/* ---- A folder for a test: test_directory ---- */

static void add_folder(const char *name) {
    assert_int_equal(mkdir(test_join(test_directory, name), 0700), 0);
}

static void add_file(const char *name, const char *text) {
    test_write_text(test_join(test_directory, name), text);
}

static const char format_text[] = "{\"qasper\": \"{{{context}}}|{input}\", \"trec\": \"{input}\",\n"
                                  "\"passage_retrieval_en\": \"{input}\"}";
static const char limit_text[] = "{\"qasper\": 7, \"trec\": 8, \"passage_retrieval_en\": 9}";
static const char row_text[] =
    "{\"context\": \"C\", \"input\": \"I\", \"answers\": [\"x\"], \"length\": 1}\n";

/* ---- Tests ---- */

static uint64_t hash_ids(const int32_t *ids, size_t n) {
    uint64_t hash = 0xcbf29ce484222325;
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ (uint64_t)ids[i]) * 0x100000001b3;
    return hash;
}

static size_t number_of(const json_t *object, const char *key) {
    return (size_t)json_integer_value(json_object_get(object, key));
}

static void builds_the_official_prompts(void **state) {
    (void)state;
    char hash[20];
    struct json_lines lines;
    json_t *object;
    dm_error error;
    size_t n_case = 0, n_cut = 0;
    const char *path = test_data("metrics/prompts.jsonl");
    assert_int_equal(json_lines_open(&lines, path, &error), DM_OK);
    for (;; n_case++) {
        assert_int_equal(json_lines_next(&lines, &object, &error), DM_OK);
        if (!object)
            break;
        const char *set = json_string_value(json_object_get(object, "set"));
        struct task *task = make(&(struct longbench_options){
            .folder = sample,
            .tokenizer = tokenizer,
            .sets = &set,
            .n_set = 1,
            .extended = json_is_true(json_object_get(object, "extended")),
            .max_length = number_of(object, "max_length")});
        struct task_prompt prompt;
        size_t row = number_of(object, "row"), again;
        assert_int_equal(task->build(task, row, &prompt, &error), DM_OK);
        assert_int_equal(prompt.n_id, number_of(object, "n_id"));
        snprintf(hash, sizeof hash, "%016llx",
                 (unsigned long long)hash_ids(prompt.ids, prompt.n_id));
        assert_string_equal(hash, json_string_value(json_object_get(object, "hash")));
        assert_int_equal(prompt.keep_tail, 1);
        assert_int_equal(prompt.n_scored, 0);
        assert_int_equal(prompt.one_line, !strcmp(set, "samsum"));
        free(prompt.ids);
        assert_string_equal(task->rows.names[0], set);
        task->cell_of(task, row, &again, &row);
        assert_int_equal(row, 0);
        n_cut += number_of(object, "max_length") == 151;
        task_free(task);
        json_decref(object);
    }
    json_lines_close(&lines);
    assert_int_equal(n_case, 4 * (32 + 12));
    assert_int_equal(n_cut, 32 + 12);
}

/* Each of them in a folder of its own: which metric a data set has, which line of an answer counts,
 * and the best of several gold answers, all by LongBench's own code. */
static void scores_as_the_official_evaluation(void **state) {
    (void)state;
    struct json_lines lines;
    json_t *object;
    dm_error error;
    size_t n_case = 0;
    assert_int_equal(json_lines_open(&lines, test_data("metrics/official.jsonl"), &error), DM_OK);
    for (;; n_case++) {
        assert_int_equal(json_lines_next(&lines, &object, &error), DM_OK);
        if (!object)
            break;
        const char *set = json_string_value(json_object_get(object, "set"));
        char name[60], *row = json_dumps(json_object_get(object, "row"), JSON_COMPACT);
        snprintf(name, sizeof name, "%s.jsonl", set);
        test_set_up(NULL);
        add_file(name, row);
        test_copy_file(test_source("data/longbench/dataset2prompt.json"),
                       test_join(test_directory, "dataset2prompt.json"));
        test_copy_file(test_source("data/longbench/dataset2maxlen.json"),
                       test_join(test_directory, "dataset2maxlen.json"));
        struct task *task =
            make(&(struct longbench_options){.folder = test_directory, .tokenizer = tokenizer});
        double score = judge(task, 0, json_string_value(json_object_get(object, "pred")));
        if (fabs(score - json_number_value(json_object_get(object, "score"))) > 1e-9)
            fail_msg("case %zu, %s: %.9g", n_case + 1, set, score);
        task_free(task);
        test_tear_down(NULL);
        free(row);
        json_decref(object);
    }
    json_lines_close(&lines);
    assert_int_equal(n_case, 11 * 12 + 30 + 40 + 60);
}

static void knows_the_data_sets(void **state) {
    (void)state;
    static const struct {
        const char *name;
        size_t n_new;
        bool extended;
        double of_two_lines; /* the score of "ANSWER\nmore of it", where it tells lines apart */
    } sets[] = {
        {"narrativeqa", 128, false, 0},
        {"qasper", 128, false, 0},
        {"multifieldqa_en", 64, false, 0},
        {"hotpotqa", 32, true, 0},
        {"2wikimqa", 32, false, 0},
        {"musique", 32, false, 0},
        {"gov_report", 512, false, 0},
        {"qmsum", 512, false, 0},
        {"multi_news", 512, false, 0},
        {"trec", 64, true, 1},
        {"triviaqa", 32, false, 1},
        {"samsum", 128, false, 1},
        {"passage_count", 32, true, 1},
        {"passage_retrieval_en", 32, false, 1},
        {"lcc", 64, true, 1},
        {"repobench-p", 64, false, 1},
    };
    enum { n_set = sizeof sets / sizeof *sets };
    struct task *task = make(&(struct longbench_options){.folder = sample, .tokenizer = tokenizer});
    dm_error error;
    assert_string_equal(task->name, "longbench");
    assert_int_equal(task->measure, TASK_SCORE);
    assert_true(task->mean_of_rows);
    assert_int_equal(task->rows.n, n_set);
    assert_int_equal(task->n_prompt, 2 * n_set);
    assert_int_equal(task->columns.n, 3);
    assert_string_equal(task->columns.names[0], "0-4k");
    assert_string_equal(task->columns.names[2], "8k+");
    for (size_t i = 0; i < task->n_prompt; i++) {
        struct task_prompt prompt;
        size_t column, row;
        char answer[2000];
        json_t *object = json_object();
        task->cell_of(task, i, &column, &row);
        assert_int_equal(row, i / 2);
        assert_int_equal(column, 0); /* the sample's texts are short */
        assert_string_equal(task->rows.names[row], sets[row].name);
        assert_int_equal(task->build(task, i, &prompt, &error), DM_OK);
        assert_int_equal(prompt.n_new, sets[row].n_new);
        assert_null(prompt.stop);
        free(prompt.ids);
        assert_true(task->describe(task, i, object));
        assert_string_equal(json_string_value(json_object_get(object, "dataset")), sets[row].name);
        const json_t *answers = json_object_get(object, "answers");
        const char *gold = json_string_value(json_array_get(answers, 0));
        assert_true(fabs(judge(task, i, gold) - 1) < 1e-7);
        assert_true(judge(task, i, "@ 0") < 0.3);
        snprintf(answer, sizeof answer, "\n%s\nmore of it", gold);
        if (sets[row].of_two_lines > 0)
            assert_true(fabs(judge(task, i, answer) - 1) < 1e-7);
        else
            assert_true(judge(task, i, answer) < 0.999);
        json_decref(object);
    }
    task_free(task);

    task = make(
        &(struct longbench_options){.folder = sample, .tokenizer = tokenizer, .extended = true});
    assert_string_equal(task->name, "longbench-e");
    assert_int_equal(task->n_prompt, 12);
    for (size_t i = 0, k = 0; i < n_set; i++)
        if (sets[i].extended)
            assert_string_equal(task->rows.names[k++], sets[i].name);
    for (size_t i = 0; i < 12; i++) {
        size_t column, row;
        task->cell_of(task, i, &column, &row);
        assert_int_equal(column, i % 3);
        assert_int_equal(row, i / 3);
    }
    task_free(task);
}

static void takes_what_is_asked_for(void **state) {
    (void)state;
    const char *sets[] = {"samsum", "2wikimqa", "trec"};
    struct task *task = make(&(struct longbench_options){
        .folder = sample, .tokenizer = tokenizer, .sets = sets, .n_set = 3, .max_prompts = 1});
    assert_int_equal(task->n_prompt, 3);
    assert_int_equal(task->rows.n, 3);
    for (size_t i = 0; i < 3; i++)
        assert_string_equal(task->rows.names[i], sets[i]);
    assert_true(judge(task, 2, "Date") == 1); /* trec's first row */
    task_free(task);
}

static void finds_the_files(void **state) {
    (void)state;
    static const struct {
        const char *folders[3], *data, *formats, *limits;
    } layouts[] = {
        {{"data"}, "data/qasper.jsonl", "dataset2prompt.json", "dataset2maxlen.json"},
        {{"config"}, "qasper.jsonl", "config/dataset2prompt.json", "config/dataset2maxlen.json"},
        {{"longbench"},
         "longbench/qasper.jsonl",
         "longbench/dataset2prompt.json",
         "longbench/dataset2maxlen.json"},
        {{"longbench", "longbench/data", "longbench/config"},
         "longbench/data/qasper.jsonl",
         "longbench/config/dataset2prompt.json",
         "longbench/data/dataset2maxlen.json"},
    };
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++) {
        test_set_up(NULL);
        for (size_t k = 0; k < 3 && layouts[i].folders[k]; k++)
            add_folder(layouts[i].folders[k]);
        add_file(layouts[i].data, row_text);
        add_file(layouts[i].formats, format_text);
        add_file(layouts[i].limits, limit_text);
        struct task *task =
            make(&(struct longbench_options){.folder = test_directory, .tokenizer = tokenizer});
        struct task_prompt prompt;
        dm_error error;
        char *text;
        size_t n_byte;
        assert_int_equal(task->n_prompt, 1);
        assert_int_equal(task->build(task, 0, &prompt, &error), DM_OK);
        assert_int_equal(prompt.n_new, 7);
        assert_int_equal(
            dm_tokenizer_decode(tokenizer, prompt.ids, prompt.n_id, 1, &text, &n_byte, &error),
            DM_OK);
        assert_string_equal(text, "{C}|I");
        dm_free(text);
        free(prompt.ids);
        task_free(task);
        test_tear_down(NULL);
    }
}

static void sorts_by_length(void **state) {
    (void)state;
    static const char *const lengths[] = {"0", "3999", "3999.5", "4000", "7999", "8000", "1e9"};
    static const size_t columns[] = {0, 0, 0, 1, 1, 2, 2};
    char rows[2000] = "";
    for (size_t i = 0; i < 7; i++) {
        size_t n = strlen(rows);
        snprintf(rows + n, sizeof rows - n,
                 "{\"context\": \"\", \"input\": \"\", \"answers\": [\"x\"], \"length\": %s}\n\n",
                 lengths[i]);
    }
    add_file("qasper_e.jsonl", rows);
    add_file("dataset2prompt.json", format_text);
    add_file("dataset2maxlen.json", limit_text);
    struct task *task = make(&(struct longbench_options){
        .folder = test_directory, .tokenizer = tokenizer, .extended = true});
    for (size_t i = 0; i < 7; i++) {
        size_t column, row;
        task->cell_of(task, i, &column, &row);
        assert_int_equal(column, columns[i]);
    }
    task_free(task);
}

static void leaves_special_tokens_out_of_a_cut_prompt(void **state) {
    (void)state;
    const char *text = "one <|endoftext|> two three four five six é seven <|endoftext|> eight";
    int32_t *ids;
    size_t n_id, n_whole, n_special = 0;
    dm_error error;
    assert_int_equal(longbench_encode(tokenizer, text, strlen(text), 0, &ids, &n_whole, &error),
                     DM_OK);
    for (size_t i = 0; i < n_whole; i++)
        n_special += !ids[i];
    assert_int_equal(n_special, 2);
    dm_free(ids);
    assert_int_equal(
        longbench_encode(tokenizer, text, strlen(text), n_whole - 1, &ids, &n_id, &error), DM_OK);
    assert_true(n_id < n_whole - 2);
    for (size_t i = 0; i < n_id; i++)
        assert_int_not_equal(ids[i], 0);
    dm_free(ids);
}

static void reads_templates(void **state) {
    (void)state;
    const struct {
        const char *format, *prompt; /* of context "a{input}", input "b" */
    } sound[] = {{"{context}{input}", "a{input}b"},
                 {"", ""},
                 {"{{context}}", "{context}"},
                 {"x{{{input}}}y{{}}", "x{b}y{}"}};
    for (size_t i = 0; i < sizeof sound / sizeof *sound; i++) {
        char *prompt;
        size_t n_byte;
        assert_null(longbench_template_error(sound[i].format));
        assert_true(longbench_prompt_write(sound[i].format, &(struct utf8){"a{input}", 8},
                                           &(struct utf8){"b", 1}, &prompt, &n_byte));
        assert_string_equal(prompt, sound[i].prompt);
        assert_int_equal(n_byte, strlen(prompt));
        free(prompt);
    }
    const char *const faulty[] = {"{", "a}", "{answers}", "{context", "{}", "{input!r}", "{{}"};
    for (size_t i = 0; i < sizeof faulty / sizeof *faulty; i++)
        assert_non_null(longbench_template_error(faulty[i]));
}

/* Makes a folder with these files (NULL: none), and checks what is said of it. */
static void check_fault(const char *name, const char *rows, const char *formats, const char *limits,
                        dm_status expected, const char *message) {
    dm_error error = {DM_OK, ""};
    struct task *task;
    char line[TEST_MAX_PATH + 400];
    test_set_up(NULL);
    add_file(name, rows);
    if (formats)
        add_file("dataset2prompt.json", formats);
    if (limits)
        add_file("dataset2maxlen.json", limits);
    const struct longbench_options options = {.folder = test_directory, .tokenizer = tokenizer};
    assert_int_equal(longbench_task_new(&options, &task, &error), expected);
    assert_int_equal(error.status, expected);
    snprintf(line, sizeof line, "%s%s", test_directory, message);
    assert_string_equal(error.message, line);
    test_tear_down(NULL);
}

static void refuses_damaged_rows(void **state) {
    (void)state;
    static const struct {
        const char *name, *row, *message;
    } faults[] = {
        {"qasper", "", ": the file has no rows"},
        {"qasper", "{\"input\": \"i\"\n", ":2: '}' expected near end of file"},
        {"qasper", "{}", ":2: key 'input' is missing"},
        {"qasper", "{\"input\": 1}", ":2: key 'input' must be a text, not a number"},
        {"qasper", "{\"input\": \"\"}", ":2: key 'context' is missing"},
        {"qasper", "{\"input\": \"\", \"context\": \"\"}", ":2: key 'answers' is missing"},
        {"qasper", "{\"input\": \"\", \"context\": \"\", \"answers\": []}",
         ":2: key 'answers' is an empty list"},
        {"qasper", "{\"input\": \"\", \"context\": \"\", \"answers\": [\"\", null]}",
         ":2: key 'answers' must be a list of texts: number 2 is null"},
        {"qasper", "{\"input\": \"\", \"context\": \"\", \"answers\": [\"\"]}",
         ":2: key 'length' is missing"},
        {"qasper", "{\"input\": \"\", \"context\": \"\", \"answers\": [\"\"], \"length\": \"4\"}",
         ":2: key 'length' must be a number, not a text"},
        {"qasper", "{\"input\": \"\", \"context\": \"\", \"answers\": [\"\"], \"length\": -1}",
         ":2: key 'length' is below 0"},
        {"trec", "{\"input\": \"\", \"context\": \"\", \"answers\": [\"\"], \"length\": 1}",
         ":2: key 'all_classes' is missing"},
        {"trec", "{\"input\": \"\", \"context\": \"\", \"answers\": [\"\"], \"all_classes\": null}",
         ":2: key 'all_classes' must be a list, not null"},
        {"passage_retrieval_en",
         "{\"input\": \"\", \"context\": \"\", \"answers\": [\"Paragraph 1\", \"2\"]}",
         ":2: key 'answers': number 2 names no \"Paragraph N\""},
    };
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        char name[100], rows[500], message[200];
        snprintf(name, sizeof name, "%s.jsonl", faults[i].name);
        snprintf(rows, sizeof rows, "%s%s", *faults[i].row ? "\n" : "", faults[i].row);
        snprintf(message, sizeof message, "/%s%s", name, faults[i].message);
        check_fault(name, rows, format_text, limit_text, DM_ERROR_FORMAT, message);
    }
}

static void refuses_damaged_configurations(void **state) {
    (void)state;
    const char *row = row_text, *good = format_text;
    check_fault("qasper.jsonl", row, NULL, limit_text, DM_ERROR_IO,
                ": no dataset2prompt.json here, in config/ or in data/");
    check_fault("qasper.jsonl", row, good, NULL, DM_ERROR_IO,
                ": no dataset2maxlen.json here, in config/ or in data/");
    check_fault("qasper.jsonl", row, "{\n\"a\": }", limit_text, DM_ERROR_FORMAT,
                "/dataset2prompt.json:2: unexpected token near '}'");
    check_fault("qasper.jsonl", row, "[]", limit_text, DM_ERROR_FORMAT,
                "/dataset2prompt.json:1: the file must hold a JSON object");
    check_fault("qasper.jsonl", row, "{}", limit_text, DM_ERROR_FORMAT,
                "/dataset2prompt.json: key 'qasper' is missing");
    check_fault("qasper.jsonl", row, "{\"qasper\": 5}", limit_text, DM_ERROR_FORMAT,
                "/dataset2prompt.json: key 'qasper' is not a text");
    check_fault("qasper.jsonl", row, "{\"qasper\": \"{title}\"}", limit_text, DM_ERROR_FORMAT,
                "/dataset2prompt.json: key 'qasper' has a field that is neither {context} nor "
                "{input}");
    check_fault("qasper.jsonl", row, "{\"qasper\": \"}\"}", limit_text, DM_ERROR_FORMAT,
                "/dataset2prompt.json: key 'qasper' has a single '}': write '}}'");
    check_fault("qasper.jsonl", row, "{\"qasper\": \"{input\"}", limit_text, DM_ERROR_FORMAT,
                "/dataset2prompt.json: key 'qasper' has a single '{': write '{{'");
    check_fault("qasper.jsonl", row, good, "{}", DM_ERROR_FORMAT,
                "/dataset2maxlen.json: key 'qasper' is missing");
    check_fault("qasper.jsonl", row, good, "{\"qasper\": 0}", DM_ERROR_FORMAT,
                "/dataset2maxlen.json: key 'qasper' is not a number of tokens from 1 on");
    check_fault("qasper.jsonl", row, good, "{\"qasper\": \"8\"}", DM_ERROR_FORMAT,
                "/dataset2maxlen.json: key 'qasper' is not a number of tokens from 1 on");
    check_fault("other.jsonl", row, good, limit_text, DM_ERROR_IO,
                ": no data set of LongBench is here, such as data/qasper.jsonl");
}

/* Of the sample, with these data sets. */
static void check_refusal(const char *const *sets, size_t n_set, bool extended, dm_status expected,
                          const char *message) {
    struct task *task;
    dm_error error;
    const struct longbench_options options = {.folder = sample,
                                              .tokenizer = tokenizer,
                                              .sets = sets,
                                              .n_set = n_set,
                                              .extended = extended};
    assert_int_equal(longbench_task_new(&options, &task, &error), expected);
    assert_non_null(strstr(error.message, message));
}

static void refuses_what_is_not_there(void **state) {
    (void)state;
    const char *unknown[] = {"qasper", "dureader"}, *twice[] = {"lcc", "qasper", "lcc"},
               *not_extended[] = {"musique"}, *absent[] = {"qasper"};
    check_refusal(unknown, 2, false, DM_ERROR_ARGUMENT,
                  "'dureader' is no English data set of LongBench: narrativeqa, qasper, ");
    check_refusal(twice, 3, false, DM_ERROR_ARGUMENT, "data set 'lcc' is given twice");
    check_refusal(not_extended, 1, true, DM_ERROR_ARGUMENT,
                  "'musique' is no English data set of LongBench-E: qasper, ");
    check_refusal(absent, 1, true, DM_ERROR_IO,
                  "/data/longbench: neither data/qasper_e.jsonl nor qasper_e.jsonl is here");
    struct task *task;
    dm_error error;
    struct longbench_options options = {.folder = "/nowhere", .tokenizer = tokenizer};
    assert_int_equal(longbench_task_new(&options, &task, &error), DM_ERROR_IO);
    assert_string_equal(error.message, "/nowhere: cannot read: No such file or directory");
    options = (struct longbench_options){.folder = sample, .tokenizer = tokenizer, .max_length = 1};
    assert_int_equal(longbench_task_new(&options, &task, &error), DM_ERROR_ARGUMENT);
}

static void says_which_row_makes_no_prompt(void **state) {
    (void)state;
    add_file("trec.jsonl", "\n{\"context\": \"\", \"input\": \"\", \"answers\": [\"x\"], "
                           "\"all_classes\": [\"x\"], \"length\": 1}");
    add_file("dataset2prompt.json", format_text);
    add_file("dataset2maxlen.json", limit_text);
    struct task *task =
        make(&(struct longbench_options){.folder = test_directory, .tokenizer = tokenizer});
    struct task_prompt prompt;
    dm_error error;
    char line[TEST_MAX_PATH + 100];
    assert_int_equal(task->build(task, 0, &prompt, &error), DM_ERROR_FORMAT);
    snprintf(line, sizeof line, "%s/trec.jsonl:2: the prompt is empty", test_directory);
    assert_string_equal(error.message, line);
    task_free(task);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(builds_the_official_prompts),
        cmocka_unit_test(scores_as_the_official_evaluation),
        cmocka_unit_test(knows_the_data_sets),
        cmocka_unit_test(takes_what_is_asked_for),
        cmocka_unit_test(finds_the_files),
        cmocka_unit_test_setup_teardown(sorts_by_length, test_set_up, test_tear_down),
        cmocka_unit_test(leaves_special_tokens_out_of_a_cut_prompt),
        cmocka_unit_test(reads_templates),
        cmocka_unit_test(refuses_damaged_rows),
        cmocka_unit_test(refuses_damaged_configurations),
        cmocka_unit_test(refuses_what_is_not_there),
        cmocka_unit_test_setup_teardown(says_which_row_makes_no_prompt, test_set_up,
                                        test_tear_down),
    };
    return cmocka_run_group_tests(tests, load_tokenizer, free_tokenizer);
}
