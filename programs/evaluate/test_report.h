/* A made-up task and methods for tests of reports, and the lines that complaints would print. */
#ifndef DECIMAMBA_EVALUATE_TEST_REPORT_H
#define DECIMAMBA_EVALUATE_TEST_REPORT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"
#include "test_support.h"

/* Instead of fail.c (fail.h and cmocka.h both have a `fail`): what was complained of last. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
bool flush_output(void);
static char complaint[1024];

void complain(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(complaint, sizeof complaint, format, arguments);
    va_end(arguments);
}

bool flush_output(void) {
    return fflush(stdout) == 0;
}

static const char *at(const char *name) {
    return test_join(test_directory, name);
}

/* The whole file, from malloc. */
static char *text_at(const char *path) {
    size_t n_byte;
    return (char *)test_read_file(path, &n_byte);
}

/* 2 columns, 2 rows, 3 prompts in each cell. */
enum { n_each = 3, n_prompt = 2 * 2 * n_each };

static void cell_of(const struct task *task, size_t i, size_t *column, size_t *row) {
    (void)task;
    *column = i / (2 * n_each);
    *row = i / n_each % 2;
}

static bool describe(const struct task *task, size_t i, json_t *object) {
    (void)task;
    return !json_object_set_new(object, "key", json_integer((json_int_t)i * 7)) &&
           !json_object_set_new(object, "prompt", json_string("not this one"));
}

static const char *const lengths[] = {"2048", "131072"}, *const depths[] = {"0.00", "1.00"};
static const double length_values[] = {2048, 131072}, depth_values[] = {0, 1};
static const struct task right_task = {.name = "made-up",
                                       .measure = TASK_RIGHT,
                                       .columns = {"tokens", 2, lengths, length_values},
                                       .rows = {"depth", 2, depths, depth_values},
                                       .n_prompt = n_prompt,
                                       .cell_of = cell_of,
                                       .describe = describe};

static char plain[] = "none", lasting[] = "keep-last:base-length=512";
static struct method items[2] = {
    {.name = plain, .label = plain, .options = DM_METHOD_OPTIONS_INIT},
    {.name = lasting, .label = lasting, .options = DM_METHOD_OPTIONS_INIT}};
static const struct method_list methods = {items, 2}, first_method = {items, 1},
                                second_method = {items + 1, 1};

/* Right but for every fifth, by the first method; never, by the second. */
static double score_of(size_t method, size_t prompt) {
    return method == 0 && prompt % 5 != 3;
}

static void add(struct report *report, size_t method, size_t first, size_t end) {
    char answer[] = "so\0 \xc3\xa4";
    for (size_t i = first; i < end; i++) {
        const struct task_outcome outcome = {.score = score_of(method, i),
                                             .n_token = 100 + i,
                                             .answer = answer,
                                             .n_answer = sizeof answer - 1};
        assert_true(report_add(report, method, i, &outcome));
    }
    assert_true(report_flush(report));
}

static bool open_report(struct report *report, const struct method_list *list, const char *path,
                        int seed) {
    *complaint = 0;
    return report_open(report, &right_task, list, path, "models/m_1",
                       json_pack("{si s{ss}}", "seed", seed, "noise", "text", "a.txt"), 2048);
}

#endif
