/* What a report shows and writes: tables, JSON, and figures. */
#include "test_report.h"

#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "report_table.h"

static json_t *some_settings(void) {
    return json_pack("{si}", "seed", 1);
}

/* What report_print prints. */
static char *printed(const struct report *report, size_t width) {
    char *text;
    size_t n;
    FILE *stream = open_memstream(&text, &n);
    assert_true(report_print(report, stream, width));
    fclose(stream);
    return text;
}

static void assert_text(char *text, const char *expected) {
    assert_string_equal(text, expected);
    free(text);
}

static void shows_counts(void **state) {
    (void)state;
    struct report report;
    assert_true(open_report(&report, &methods, NULL, 1));
    add(&report, 0, 0, n_prompt); /* prompts 3 and 8 are wrong */
    add(&report, 1, 0, 5);
    assert_text(printed(&report, 80),
                "made-up by tokens, models/m_1: right answers, 95% interval of their share\n"
                "\n"
                "method                      2048*  131072     all\n"
                "none                          5/6     5/6   10/12\n"
                "                           44-97%  44-97%  55-95%\n"
                "keep-last:base-length=512     0/5       -     0/5\n"
                "                            0-43%           0-43%\n"
                "\n"
                "*: trained with this many tokens\n");
    assert_text(printed(&report, 45), /* names on lines of their own */
                "made-up by tokens, models/m_1: right answers, 95% interval of their share\n"
                "\n"
                "method                  2048*  131072     all\n"
                "none                      5/6     5/6   10/12\n"
                "                       44-97%  44-97%  55-95%\n"
                "keep-last:                0/5       -     0/5\n"
                "base-length=512         0-43%           0-43%\n"
                "\n"
                "*: trained with this many tokens\n");
    assert_text(printed(&report, 36), /* blocks of columns */
                "made-up by tokens, models/m_1: right answers, 95% interval of their share\n"
                "\n"
                "method                      2048*\n"
                "none                          5/6\n"
                "                           44-97%\n"
                "keep-last:base-length=512     0/5\n"
                "                            0-43%\n"
                "\n"
                "method                     131072\n"
                "none                          5/6\n"
                "                           44-97%\n"
                "keep-last:base-length=512       -\n"
                "\n"
                "method                        all\n"
                "none                        10/12\n"
                "                           55-95%\n"
                "keep-last:base-length=512     0/5\n"
                "                            0-43%\n"
                "\n"
                "*: trained with this many tokens\n");
    report_close(&report);
}

/* A column with both rows, and one with the second alone. */
static void fill_scores(struct report *report) {
    static const struct {
        size_t prompt;
        double score;
    } outcomes[] = {{0, 0.1}, {1, 0.2}, {2, 0.3},  {3, 0.5},
                    {4, 0.6}, {5, 1.0}, {9, 0.25}, {10, 0.75}};
    for (size_t i = 0; i < sizeof outcomes / sizeof *outcomes; i++)
        assert_true(report_add(report, 0, outcomes[i].prompt,
                               &(struct task_outcome){.score = outcomes[i].score}));
}

static struct task mean_task(void) {
    static const char *const buckets[] = {"0-4k", "4-8k"}, *const sets[] = {"qasper", "gov_report"};
    struct task task = right_task;
    task.measure = TASK_SCORE;
    task.mean_of_rows = true;
    task.columns = (struct task_axis){"length", 2, buckets, NULL};
    task.rows = (struct task_axis){"data set", 2, sets, NULL};
    return task;
}

/* Intervals by SciPy: stats.t on rows; half of ttest_ind's of the difference of two rows, with
 * equal_var=False, for their mean. That of .25 and .75 is wider than what a score can be. */
static void shows_scores(void **state) {
    (void)state;
    struct report report;
    struct task task = mean_task();
    assert_true(report_open(&report, &task, &first_method, NULL, "m", some_settings(), 0));
    fill_scores(&report);
    assert_text(printed(&report, 80),
                "made-up by length, m: mean score of 100, \u00b1 95% interval\n"
                "\n"
                "method        0-4k        4-8k         all\n"
                "none    45.0 ±28.7  50.0 ±50.0  41.0 ±17.3\n"
                "n                6           2           8\n"
                "\n"
                "Figures over several data sets are the mean of theirs.\n"
                "\n"
                "by data set:\n"
                "\n"
                "method      qasper  gov_report         all\n"
                "none    20.0 ±24.8  62.0 ±34.7  41.0 ±17.3\n"
                "n                3           5           8\n");
    report_close(&report);
}

static void shows_perplexities(void **state) {
    (void)state;
    struct report report;
    struct task task = right_task;
    task.measure = TASK_LOSS;
    assert_true(report_open(&report, &task, &methods, NULL, "m", some_settings(), 0));
    static const double losses[] = {2, 2.5, 3}; /* 2.5 +- 1.242 */
    for (size_t i = 0; i < 3; i++)
        assert_true(report_add(&report, 0, i, &(struct task_outcome){.score = losses[i]}));
    assert_true(report_add(&report, 0, 6, &(struct task_outcome){.score = 20}));
    assert_true(report_add(&report, 1, 6, &(struct task_outcome){.score = NAN}));
    assert_text(printed(&report, 80),
                "made-up by tokens, m: perplexity, 95% interval\n"
                "\n"
                "method                           2048   131072           all\n"
                "none                            12.18  4.9e+08           968\n"
                "                           3.52-42.19           1.00-1.1e+09\n"
                "keep-last:base-length=512           -      nan           nan\n"
                "n                                 0-3        1           1-4\n");
    report_close(&report);
}

static void writes_markdown(void **state) {
    (void)state;
    struct report report;
    assert_true(open_report(&report, &methods, at("md"), 1));
    add(&report, 0, 0, n_prompt);
    add(&report, 1, 0, 5);
    assert_true(report_write(&report));
    report_close(&report);
    assert_text(text_at(at("md/table.md")),
                "# made-up by tokens, `models/m_1`\n"
                "\n"
                "right answers, 95% interval of their share:\n"
                "\n"
                "| method | 2048\\* | 131072 | all |\n"
                "|---|---:|---:|---:|\n"
                "| none | 5/6 (44-97%) | 5/6 (44-97%) | 10/12 (55-95%) |\n"
                "| keep-last:base-length=512 | 0/5 (0-43%) | - | 0/5 (0-43%) |\n"
                "\n"
                "\\*: trained with this many tokens\n"
                "\n"
                "## `none`\n"
                "\n"
                "| depth | 2048\\* | 131072 |\n"
                "|---|---:|---:|\n"
                "| 0.00 | 3/3 | 2/3 |\n"
                "| 1.00 | 2/3 | 3/3 |\n"
                "\n"
                "## `keep-last:base-length=512`\n"
                "\n"
                "| depth | 2048\\* | 131072 |\n"
                "|---|---:|---:|\n"
                "| 0.00 | 0/3 | - |\n"
                "| 1.00 | 0/2 | - |\n");
}

static void assert_member(const json_t *object, const char *key, double expected) {
    const json_t *value = json_object_get(object, key);
    assert_true(isnan(expected) ? json_is_null(value)
                                : fabs(json_number_value(value) - expected) < 1e-6);
}

static void assert_cell(const json_t *cell, double n, double sum, double mean, double low,
                        double high) {
    assert_non_null(cell);
    assert_member(cell, "n", n);
    assert_member(cell, "sum", sum);
    assert_member(cell, "mean", mean);
    assert_member(cell, "low", low);
    assert_member(cell, "high", high);
}

static void writes_json(void **state) {
    (void)state;
    struct report report;
    struct task task = mean_task();
    const json_t *method, *all, *qasper, *others;
    const char *options;
    assert_true(report_open(&report, &task, &first_method, at("json"), "m", some_settings(), 0));
    fill_scores(&report);
    assert_true(report_write(&report));
    report_close(&report);
    json_t *object = json_load_file(at("json/report.json"), 0, NULL);
    assert_int_equal(
        json_unpack(object, "{s{si}, s[o]}", "settings", "seed", &(int){0}, "methods", &method), 0);
    assert_string_equal(json_string_value(json_object_get(object, "task")), "made-up");
    assert_string_equal(json_string_value(json_object_get(object, "measure")), "score");
    assert_true(json_is_null(json_object_get(object, "trained")));
    assert_int_equal(json_unpack((json_t *)method, "{s{ss}, s{s{so}}, s{s{s{so}}}}", "options",
                                 "method", &options, "all", "columns", "0-4k", &all, "rows",
                                 "qasper", "columns", "0-4k", &qasper),
                     0);
    assert_string_equal(options, "none");
    assert_cell(all, 6, 2.7, 0.45, 0.1629672, 0.7370328);
    assert_cell(qasper, 3, 0.6, 0.2, 0, 0.4484138); /* -0.048 is no score */
    assert_int_equal(json_unpack((json_t *)method, "{s{s{s{so}}}}", "rows", "qasper", "columns",
                                 "4-8k", &others),
                     0);
    assert_cell(others, 0, 0, NAN, NAN, NAN);
    json_decref(object);
}

static void orders_columns_by_value(void **state) {
    (void)state;
    static const char *const names[] = {"131072", "1000",  "1536",   "512",
                                        "1024",   "10000", "2000000"};
    static const double values[] = {131072, 1000, 1536, 512, 1024, 10000, 2e6};
    struct task task = right_task;
    task.columns = (struct task_axis){"tokens", 7, names, values};
    size_t *order = report_column_order(&task);
    static const size_t sorted[] = {3, 1, 4, 2, 5, 0, 6};
    assert_memory_equal(order, sorted, sizeof sorted);
    free(order);
}

/* As report_write, with standard output in a file; whether it went well. */
static bool try_aside(const struct report *report, const char *path) {
    fflush(stdout);
    int kept = dup(1);
    assert_non_null(freopen(path, "wb", stdout));
    bool fine = report_write(report);
    fflush(stdout);
    dup2(kept, 1);
    close(kept);
    return fine;
}

static void write_aside(const struct report *report, const char *path) {
    assert_true(try_aside(report, path));
}

static void writes_what_gnuplot_draws(void **state) {
    (void)state;
    const char *usual = getenv("PATH");
    char *search = strdup(usual ? usual : "");
    struct method named[2] = {items[0], items[1]};
    char odd[] = "o'dd:{/Bold=20_x}^\\,`touch x`";
    named[0].name = named[0].label = odd;
    const struct method_list list = {named, 2};
    struct report report;
    assert_true(open_report(&report, &list, at("drawn"), 1));
    add(&report, 0, 0, n_prompt);
    add(&report, 1, 0, 5);
    test_write_text(at("drawn/made-up.png"), "of an earlier call");
    setenv("PATH", test_directory, 1); /* where there is no gnuplot */
    write_aside(&report, at("said"));
    setenv("PATH", search, 1);
    assert_text(text_at(at("said")),
                "no made-up.png and made-up.svg: gnuplot: No such file or directory\n");
    assert_int_equal(access(at("drawn/made-up.png"), F_OK), -1);
    assert_int_equal(access(at("drawn/report.json"), F_OK), 0);
    assert_text(
        text_at(at("drawn/made-up.tsv")),
        "method\tname\tcolumn\tx\trow\ty\tn\tsum\tfigure\tlow\thigh\n"
        "1\to'dd:{/Bold=20_x}^\\,`touch x`\t2048\t0\t0.00\t0\t3\t3\t100\t43.8502968\t100\n"
        "1\to'dd:{/Bold=20_x}^\\,`touch x`\t2048\t0\t1.00\t1\t3\t2\t66.6666667\t20.7659601\t"
        "93.8508055\n"
        "1\to'dd:{/Bold=20_x}^\\,`touch x`\t131072\t1\t0.00\t0\t3\t2\t66.6666667\t20.7659601\t"
        "93.8508055\n"
        "1\to'dd:{/Bold=20_x}^\\,`touch x`\t131072\t1\t1.00\t1\t3\t3\t100\t43.8502968\t100\n"
        "2\tkeep-last:base-length=512\t2048\t0\t0.00\t0\t3\t0\t0\t0\t56.1497032\n"
        "2\tkeep-last:base-length=512\t2048\t0\t1.00\t1\t2\t0\t0\t0\t65.7619772\n"
        "2\tkeep-last:base-length=512\t131072\t1\t0.00\t0\t0\t0\t?\t?\t?\n"
        "2\tkeep-last:base-length=512\t131072\t1\t1.00\t1\t0\t0\t?\t?\t?\n");
    if (system("gnuplot --version > /dev/null 2>&1") == 0) {
        write_aside(&report, at("said"));
        assert_text(text_at(at("said")), "");
        assert_int_equal(access(at("drawn/made-up.png"), F_OK), 0);
        char *picture = text_at(at("drawn/made-up.svg"));
        assert_non_null(strstr(picture, "</svg>"));
        assert_non_null(strstr(picture, "2/3"));
        assert_non_null(strstr(picture, "{/Bold=20_x}^\\,"));
        free(picture);
    }
    report_close(&report);
    free(search);
}

/* Has a made-up gnuplot, which begins a PNG and then `does` this, draw the report, and checks that all
 * of it is taken back. */
static void check_undrawn(const struct report *report, const char *does, const char *expected) {
    const char *program = at("programs/gnuplot");
    char text[400];
    snprintf(text, sizeof text, "#!/bin/sh\ncd '%s' && exec > made-up.png\n%s\n", at("undrawn"),
             does);
    test_write_text(program, text);
    assert_int_equal(chmod(program, 0700), 0);
    *complaint = 0;
    assert_false(try_aside(report, at("programs/out")));
    assert_non_null(strstr(complaint, "/undrawn/made-up."));
    assert_non_null(strstr(complaint, expected));
    assert_text(text_at(at("programs/out")), "");
    assert_int_equal(access(at("undrawn/made-up.png"), F_OK), -1);
    assert_int_equal(access(at("undrawn/made-up.svg"), F_OK), -1);
    assert_int_equal(access(at("undrawn/report.json"), F_OK), 0);
}

static void keeps_no_broken_picture(void **state) {
    (void)state;
    const char *usual = getenv("PATH");
    char search[8192], *before = strdup(usual ? usual : "");
    struct report report;
    assert_int_equal(mkdir(at("programs"), 0700), 0);
    assert_true(open_report(&report, &methods, at("undrawn"), 1));
    add(&report, 0, 0, n_prompt);
    snprintf(search, sizeof search, "%s:%s", at("programs"), before);
    setenv("PATH", search, 1);
    check_undrawn(&report, "echo half; printf '\\na format\\n\\n  ^\\nBad\\n' >&2; exit 1",
                  "/undrawn/made-up.png: gnuplot: a format ^ Bad");
    check_undrawn(&report, "seq 1000 >&2; exit 1", " 998 999 1000");
    check_undrawn(&report, "echo half; exit 7", ": gnuplot failed, with status 7");
    check_undrawn(&report, "echo half; kill -9 $$", ": gnuplot was ended by signal 9");
    check_undrawn(&report, "echo a warning >&2; echo half and no end of it",
                  "/undrawn/made-up.png: gnuplot drew no whole picture");
    check_undrawn(&report, "printf '\\0\\0\\0\\0IEND\\256B`\\202'; echo '<svg>' > made-up.svg",
                  "/undrawn/made-up.svg: gnuplot drew no whole picture");
    setenv("PATH", before, 1);
    report_close(&report);
    free(before);
}

/* Draws with few figures and odd ones: lines and bars. */
static void draws_whatever_is_known(void **state) {
    (void)state;
    if (system("gnuplot --version > /dev/null 2>&1") != 0)
        skip();
    struct task tasks[3] = {right_task, mean_task(), right_task};
    tasks[0].measure = TASK_LOSS;
    tasks[2].rows = (struct task_axis){"all", 1, depths, NULL};
    tasks[2].columns.n = 1;
    tasks[2].n_prompt = n_each;
    for (int i = 0; i < 3; i++) {
        char name[] = "drawn-0";
        struct report report;
        name[6] = (char)('0' + i);
        assert_true(report_open(&report, &tasks[i], &methods, at(name), "m", some_settings(), 512));
        assert_true(report_add(&report, 0, 0, &(struct task_outcome){.score = 1}));
        assert_true(report_add(&report, 1, 1, &(struct task_outcome){.score = i ? 0 : NAN}));
        write_aside(&report, at("said"));
        report_close(&report);
        assert_text(text_at(at("said")), "");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows_counts),
        cmocka_unit_test(shows_scores),
        cmocka_unit_test(shows_perplexities),
        cmocka_unit_test(writes_markdown),
        cmocka_unit_test(writes_json),
        cmocka_unit_test(orders_columns_by_value),
        cmocka_unit_test(writes_what_gnuplot_draws),
        cmocka_unit_test(keeps_no_broken_picture),
        cmocka_unit_test(draws_whatever_is_known),
    };
    return cmocka_run_group_tests(tests, test_set_up, test_tear_down);
}
