/* The journal of an evaluation: going on, and what it refuses. */
#include "test_report.h"

#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

static void assert_told(const char *path, const char *rest) {
    char line[TEST_MAX_PATH + 400];
    snprintf(line, sizeof line, "%s/outcomes.jsonl%s", path, rest);
    assert_string_equal(complaint, line);
}

/* All outcomes of both methods, in test_directory. */
static void write_all(const char *path) {
    struct report report;
    assert_true(open_report(&report, &methods, path, 1));
    add(&report, 0, 0, n_prompt);
    add(&report, 1, 0, n_prompt);
    report_close(&report);
}

static const char *journal_at(const char *path) {
    return test_join(path, "outcomes.jsonl");
}

static char *journal_of(const char *path) {
    return text_at(journal_at(path));
}

static void set_journal(const char *path, const char *text) {
    test_write_text(journal_at(path), text);
}

static void remembers_without_a_folder(void **state) {
    (void)state;
    struct report report;
    assert_true(open_report(&report, &methods, NULL, 1));
    assert_false(report_done(&report, 1, 3));
    add(&report, 1, 3, 4);
    add(&report, 0, 4, 5);
    assert_true(report_done(&report, 1, 3) && !report_done(&report, 0, 3));
    assert_true(report_score(&report, 1, 3) == 0 && report_score(&report, 0, 4) == 1);
    assert_true(report_write(&report));
    report_close(&report);
    assert_int_equal(access("outcomes.jsonl", F_OK), -1);
}

static void writes_a_line_for_each_outcome(void **state) {
    (void)state;
    struct report report;
    assert_true(open_report(&report, &methods, at("lines"), 1));
    add(&report, 0, 7, 8);
    char *text = journal_of(at("lines")); /* while it is open: it is flushed */
    report_close(&report);
    assert_string_equal(
        text,
        "{\"format\":\"decimamba-evaluation\",\"version\":1,\"task\":\"made-up\","
        "\"model\":\"models/m_1\",\"settings\":{\"seed\":1,\"noise\":{\"text\":\"a.txt\"}}}\n"
        "{\"method\":\"none\",\"options\":{\"method\":\"none\"}}\n"
        "{\"method\":\"none\",\"prompt\":7,\"column\":\"131072\",\"row\":\"0.00\",\"tokens\":107,"
        "\"score\":1.0,\"answer\":\"so\\u0000 \xc3\xa4\",\"key\":49}\n");
    free(text);
}

static void goes_on_where_it_stopped(void **state) {
    (void)state;
    struct report report;
    write_all(at("whole"));
    assert_true(open_report(&report, &methods, at("parts"), 1));
    add(&report, 0, 0, n_prompt);
    add(&report, 1, 0, 5);
    report_close(&report);
    assert_true(open_report(&report, &methods, at("parts"), 1));
    for (size_t i = 0; i < n_prompt; i++) {
        assert_true(report_done(&report, 0, i));
        assert_true(report_score(&report, 0, i) == score_of(0, i));
        assert_int_equal(report.outcomes[i].n_token, 100 + i);
        assert_int_equal(report_done(&report, 1, i), i < 5);
    }
    add(&report, 1, 5, n_prompt);
    report_close(&report);
    char *whole = journal_of(at("whole")), *parts = journal_of(at("parts"));
    assert_string_equal(parts, whole);
    free(whole);
    free(parts);
}

static void takes_more_methods(void **state) {
    (void)state;
    struct report report;
    assert_true(open_report(&report, &second_method, at("more"), 1));
    add(&report, 0, 0, 4);
    report_close(&report);
    assert_true(open_report(&report, &methods, at("more"), 1)); /* in another place there */
    assert_true(report_done(&report, 1, 3) && !report_done(&report, 0, 3));
    add(&report, 0, 0, n_prompt);
    report_close(&report);
    assert_true(open_report(&report, &first_method, at("more"), 1)); /* others stay */
    assert_true(report_done(&report, 0, n_prompt - 1));
    report_close(&report);
    assert_true(open_report(&report, &methods, at("more"), 1));
    assert_true(report_done(&report, 1, 3) && !report_done(&report, 1, 4));
    report_close(&report);
}

static void cuts_a_torn_line_off(void **state) {
    (void)state;
    struct report report;
    write_all(at("torn"));
    char *whole = journal_of(at("torn"));
    size_t n = strlen(whole), last = n - 1;
    while (whole[last - 1] != '\n')
        last--;
    for (size_t end = last; end < n; end += 13) { /* within the last line, and just before it */
        char *text = strndup(whole, end);
        set_journal(at("torn"), text);
        free(text);
        assert_true(open_report(&report, &methods, at("torn"), 1));
        assert_true(report_done(&report, 1, n_prompt - 2));
        assert_false(report_done(&report, 1, n_prompt - 1));
        text = journal_of(at("torn"));
        assert_int_equal(strlen(text), last);
        free(text);
        add(&report, 1, n_prompt - 1, n_prompt);
        report_close(&report);
        text = journal_of(at("torn"));
        assert_string_equal(text, whole);
        free(text);
    }
    static const char *const headers[] = {"", "{", "{\"format\":\"decimamba-evaluation\",\"versi"};
    for (int i = 0; i < 3; i++) { /* nothing but a part of the first line */
        set_journal(at("torn"), headers[i]);
        write_all(at("torn"));
        char *text = journal_of(at("torn"));
        assert_string_equal(text, whole);
        free(text);
    }
    free(whole);
}

static void set_zeros(const char *whole, size_t n, size_t begin, size_t end) {
    char *text = strdup(whole);
    assert_non_null(text);
    memset(text + begin, 0, end - begin);
    test_write_file(journal_at(at("power")), text, n);
    free(text);
}

/* What was not yet on the disk may be zeros; what was is kept. */
static void goes_on_after_a_power_cut(void **state) {
    (void)state;
    struct report report;
    struct stat status;
    write_all(at("power"));
    char *whole = journal_of(at("power"));
    size_t n = strlen(whole), line = 0; /* where that of `begin` begins */
    for (size_t begin = 0; begin < n; begin++) {
        if (begin && whole[begin - 1] == '\n')
            line = begin;
        if (begin > 50 && begin % 97 != 0 && begin != line)
            continue;
        set_zeros(whole, n, begin, n);
        assert_true(open_report(&report, &methods, at("power"), 1));
        assert_int_equal(stat(journal_at(at("power")), &status), 0);
        assert_int_equal(status.st_size, line);
        for (size_t method = 0; method < 2; method++) {
            size_t n_done = 0;
            while (n_done < n_prompt && report_done(&report, method, n_done))
                n_done++;
            add(&report, method, n_done, n_prompt);
        }
        report_close(&report);
        size_t n_text;
        char *text = (char *)test_read_file(journal_at(at("power")), &n_text);
        assert_int_equal(n_text, n);
        assert_string_equal(text, whole);
        free(text);
    }
    free(whole);
}

/* Zeros with lines behind them are no power cut: those lines are not lost. */
static void refuses_zeros_within(void **state) {
    (void)state;
    struct report report;
    write_all(at("power"));
    char *whole = journal_of(at("power"));
    size_t n = strlen(whole);
    for (size_t begin = 0; begin < n - 10; begin += 61) {
        set_zeros(whole, n, begin, begin + 5);
        size_t n_before, n_after;
        unsigned char *before = test_read_file(journal_at(at("power")), &n_before);
        assert_false(open_report(&report, &methods, at("power"), 1));
        report_close(&report);
        unsigned char *after = test_read_file(journal_at(at("power")), &n_after);
        assert_int_equal(n_after, n_before);
        assert_memory_equal(after, before, n_before);
        free(before);
        free(after);
    }
    free(whole);
}

static void refuses_damage(void **state) {
    (void)state;
    static const struct {
        const char *before, *after, *message;
    } faults[] = {
        {"\"seed\":1", "\"seed\"=1", ":1: not a JSON object: ':' expected near '='"},
        {"decimamba-evaluation", "something", ":1: not the header of an evaluation"},
        {"\"version\":1", "\"version\":2", ":1: made by another version of this program"},
        {"\"settings\":{", "\"set\":{", ":1: not the header of an evaluation"},
        {"{\"format\":", "[5]\n{\"format\":", ":1: not a JSON object"},
        {"\"method\":\"none\",\"options\":", "\"options\":", ":2: \"method\" is no text"},
        {"\"options\":{\"method\":\"none\"}", "\"text\":1", ":2: neither a method nor an outcome"},
        {"{\"method\":\"none\",\"options\":{\"method\":\"none\"}}\n", "",
         ":2: an outcome before the line of its method"},
        {"\"prompt\":0", "\"prompt\":-1", ":3: \"prompt\" is no prompt of this task"},
        {"\"prompt\":1", "\"prompt\":12", ":4: \"prompt\" is no prompt of this task"},
        {"\"prompt\":1", "\"prompt\":0", ":4: the second outcome of this prompt"},
        {"\"prompt\":0", "\"prompt\":6", ":3: \"column\" and \"row\" are not those of this prompt"},
        {"\"row\":\"0.00\"", "\"row\":0",
         ":3: \"column\" and \"row\" are not those of this prompt"},
        {"\"tokens\":100", "\"tokens\":1.5", ":3: \"tokens\" is no number of tokens"},
        {"\"score\":1.0", "\"score\":0.5", ":3: \"score\" is no score of this task"},
        {"\"score\":1.0", "\"score\":null", ":3: \"score\" is no score of this task"},
        {"\"score\":1.0", "\"score\":1.0,\"score\":0.0",
         ":3: not a JSON object: duplicate object key near '\"score\"'"},
        {"\"tokens\":101,\"score", "\"tokens\n101,\"score",
         ":4: not a JSON object: unexpected newline near '\"tokens'"},
        {"\"method\":\"none\",\"prompt\":2", "\"method\":\"other\",\"prompt\":20",
         ":5: \"prompt\" is no prompt of this task"},
    };
    write_all(at("damaged"));
    char *whole = journal_of(at("damaged"));
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        const char *found = strstr(whole, faults[i].before);
        assert_non_null(found);
        char *text = malloc(strlen(whole) + strlen(faults[i].after) + 1);
        sprintf(text, "%.*s%s%s", (int)(found - whole), whole, faults[i].after,
                found + strlen(faults[i].before));
        set_journal(at("damaged"), text);
        struct report report;
        assert_false(open_report(&report, &methods, at("damaged"), 1));
        report_close(&report);
        assert_told(at("damaged"), faults[i].message);
        char *after = journal_of(at("damaged"));
        assert_string_equal(after, text); /* as it was */
        free(after);
        free(text);
    }
    free(whole);
}

static void refuses_other_settings(void **state) {
    (void)state;
    static const struct {
        const char *settings, *message;
    } others[] = {
        {"{\"seed\": 2, \"noise\": {\"text\": \"a.txt\"}}", "with seed 1, not 2"},
        {"{\"seed\": 1, \"noise\": {\"text\": \"b.txt\"}}",
         "with noise.text \"a.txt\", not \"b.txt\""},
        {"{\"seed\": 1, \"noise\": 3}", "with noise {\"text\":\"a.txt\"}, not 3"},
        {"{\"noise\": {\"text\": \"a.txt\"}}", "with seed 1, which is not given now"},
        {"{\"seed\": 1, \"noise\": {\"text\": \"a.txt\", \"n\": 0.5}}",
         "without noise.n, which is 0.5 now"},
    };
    struct report report;
    char message[300];
    write_all(at("others"));
    char *whole = journal_of(at("others"));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        assert_false(report_open(&report, &right_task, &methods, at("others"), "models/m_1",
                                 json_loads(others[i].settings, 0, NULL), 0));
        report_close(&report);
        snprintf(message, sizeof message, ": made %s: choose another --output, or remove it",
                 others[i].message);
        assert_told(at("others"), message);
    }
    struct task task = right_task;
    task.name = "other";
    assert_false(report_open(&report, &task, &methods, at("others"), "models/m_1",
                             json_pack("{si s{ss}}", "seed", 1, "noise", "text", "a.txt"), 0));
    report_close(&report);
    assert_told(
        at("others"),
        ": made with task \"made-up\", not \"other\": choose another --output, or remove it");
    /* a method's options are another one */
    struct method changed[2] = {items[0], items[1]};
    size_t layer = 1;
    changed[0].options.kind = DM_METHOD_KEEP_LAST;
    changed[0].options.layers = &layer;
    changed[0].options.n_layer = 1;
    const struct method_list list = {changed, 2};
    assert_false(open_report(&report, &list, at("others"), 1));
    report_close(&report);
    assert_told(at("others"), ": method 'none' was made with method \"none\", not \"keep-last\": "
                              "choose another --output, or remove it");
    char *after = journal_of(at("others"));
    assert_string_equal(after, whole);
    free(after);
    free(whole);
    assert_true(report_open(&report, &right_task, &methods, at("others"), "moved/m_1",
                            json_pack("{si s{ss}}", "seed", 1, "noise", "text", "a.txt"), 0));
    report_close(&report); /* the model's name is a label */
}

static void refuses_names_twice_and_foreign_folders(void **state) {
    (void)state;
    struct report report, other;
    struct method twice[] = {items[0], items[1], items[0]};
    const struct method_list list = {twice, 3};
    assert_false(open_report(&report, &list, NULL, 1));
    assert_string_equal(complaint, "method 'none' is named twice");
    report_close(&report);

    assert_int_equal(mkdir(at("foreign"), 0777), 0);
    test_write_text(at("foreign/notes"), "mine");
    assert_false(open_report(&report, &methods, at("foreign"), 1));
    report_close(&report);
    assert_non_null(strstr(complaint, "not empty, and no folder of an evaluation"));
    assert_false(open_report(&report, &methods, at("foreign/notes"), 1));
    report_close(&report);
    assert_non_null(strstr(complaint, "cannot write here: Not a directory"));
    assert_false(open_report(&report, &methods, at("absent/folder"), 1));
    report_close(&report);
    assert_non_null(strstr(complaint, "cannot make this folder: No such file or directory"));

    assert_true(open_report(&report, &methods, at("locked"), 1));
    assert_false(open_report(&other, &methods, at("locked"), 1));
    assert_non_null(strstr(complaint, "another process writes here"));
    report_close(&other);
    assert_int_equal(access(at("locked"), F_OK), 0); /* not the second's to remove */
    report_close(&report);
    assert_int_equal(access(at("locked"), F_OK), -1); /* nothing was done, nothing is left */
}

static void keeps_scores_to_the_last_bit(void **state) {
    (void)state;
    static const double scores[] = {0.1, 1e-300, 2.0 / 3, 12345.678901234567, NAN, INFINITY};
    struct report report;
    struct task task = right_task;
    task.measure = TASK_LOSS;
    for (int again = 0; again < 2; again++) {
        assert_true(report_open(&report, &task, &first_method, at("bits"), "m", json_object(), 0));
        for (size_t i = 0; i < 6; i++) {
            if (!again)
                assert_true(report_add(&report, 0, i,
                                       &(struct task_outcome){.score = scores[i], .n_token = 1}));
            double score = report_score(&report, 0, i);
            assert_true(i < 4 ? score == scores[i] : isnan(score));
        }
        report_close(&report);
    }
    char *text = journal_of(at("bits"));
    assert_null(strstr(text, "answer"));
    assert_non_null(strstr(text, "\"score\":null"));
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(remembers_without_a_folder),
        cmocka_unit_test(writes_a_line_for_each_outcome),
        cmocka_unit_test(goes_on_where_it_stopped),
        cmocka_unit_test(takes_more_methods),
        cmocka_unit_test(cuts_a_torn_line_off),
        cmocka_unit_test(goes_on_after_a_power_cut),
        cmocka_unit_test(refuses_zeros_within),
        cmocka_unit_test(refuses_damage),
        cmocka_unit_test(refuses_other_settings),
        cmocka_unit_test(refuses_names_twice_and_foreign_folders),
        cmocka_unit_test(keeps_scores_to_the_last_bit),
    };
    return cmocka_run_group_tests(tests, test_set_up, test_tear_down);
}
