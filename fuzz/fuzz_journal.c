/* The journal of an evaluation (outcomes.jsonl) that a later one goes on with: what is accepted can
 * be gone on with, but for a last line that was torn, and is then accepted again with what was
 * added. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "complaints.h"
#include "evaluate/report.h"

enum { n_column = 2, n_row = 2, n_prompt = 4 };

static void cell_of(const struct task *task, size_t i, size_t *column, size_t *row) {
    (void)task;
    *column = i % n_column;
    *row = i / n_column;
}

static const char *const columns[] = {"512", "1024"}, *const rows[] = {"0", "1"};

static struct task make_task(enum task_measure measure) {
    return (struct task){.name = "passkey",
                         .measure = measure,
                         .columns = {"tokens", n_column, columns, NULL},
                         .rows = {"depth", n_row, rows, NULL},
                         .n_prompt = n_prompt,
                         .cell_of = cell_of};
}

static char name_none[] = "none", name_last[] = "keep-last";
static size_t layer = 1;

/* The folder is its own, with no lock left from before. */
static bool open_report(struct report *report, const struct task *task,
                        const struct method_list *methods) {
    bool ok = report_open(report, task, methods, fuzz_directory(), "m",
                          json_pack("{si ss}", "seed", 1, "checkpoint", "00ff"), 512);
    fuzz_check_complaints(ok);
    return ok;
}

static size_t count_done(const struct report *report) {
    size_t n = 0;
    for (size_t method = 0; method < report->methods->n; method++)
        for (size_t i = 0; i < n_prompt; i++)
            if (report_done(report, method, i)) {
                double score = report_score(report, method, i);
                MUST(score >= 0 || isnan(score));
                n++;
            }
    return n;
}

/* Adds an outcome where one is missing; false where none is. */
static bool add(struct report *report) {
    const struct task_outcome outcome = {
        .score = 1, .n_token = 3, .answer = "x\xff", .n_answer = 2};
    for (size_t i = 0; i < n_prompt; i++)
        if (!report_done(report, 1, i)) {
            MUST(report_add(report, 1, i, &outcome) && report_flush(report));
            fuzz_check_complaints(true);
            return true;
        }
    return false;
}

/* Nothing is taken away of what is refused, and no whole line of what is not. */
static void check_kept(const char *path, const uint8_t *data, size_t size, bool accepted) {
    FILE *file = fopen(path, "rb");
    MUST(file);
    size_t n = 0;
    for (int c; (c = fgetc(file)) != EOF; n++)
        MUST(n < size && c == data[n]);
    fclose(file);
    MUST(n == size || (accepted && !memchr(data + n, '\n', size - n)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    dm_method_options none = DM_METHOD_OPTIONS_INIT, last = DM_METHOD_OPTIONS_INIT;
    last.kind = DM_METHOD_KEEP_LAST;
    last.layers = &layer;
    last.n_layer = 1;
    struct method items[] = {{.name = name_none, .options = none},
                             {.name = name_last, .options = last}};
    const struct method_list methods = {items, 2};
    const struct task task = make_task((enum task_measure)(size % 3));
    struct report report;
    char path[FUZZ_MAX_PATH];
    fuzz_write("outcomes.jsonl", data, size, path);
    bool accepted = open_report(&report, &task, &methods);
    check_kept(path, data, size, accepted);
    if (accepted) {
        size_t n = count_done(&report);
        bool more = add(&report);
        report_close(&report);
        MUST(open_report(&report, &task, &methods));
        MUST(count_done(&report) == n + more);
    }
    report_close(&report);
    return 0;
}
